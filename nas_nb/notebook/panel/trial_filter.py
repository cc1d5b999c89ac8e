"""The filter of the trials: words and conditions."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nas_nb.errors import NasError
from nas_nb.notebook.wording import values_text

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial, Value

HELP = "words or conditions: Conv2D  depth=2  score>0.9  failed"
_CONDITION = re.compile(r"([^<>=!\s]+)(<=|>=|!=|=|<|>)(\S+)")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}

Test = Callable[["Trial"], bool]


def matching(trials: Iterable[Trial], text: str) -> list[Trial]:
    """Returns the trials that fit all words and conditions, in the order given."""
    tests = [_test(word) for word in text.split()]
    return [trial for trial in trials if all(test(trial) for test in tests)]


def _test(word: str) -> Test:
    condition = _CONDITION.fullmatch(word)
    if condition is None:
        wanted = word.lower()
        return lambda trial: wanted in _words(trial)
    name, sign, value = condition.groups()
    if sign in ("=", "!="):
        equal = sign == "="
        return lambda trial: _same(fact_of(trial, name), value) == equal
    try:
        number = float(value)
    except ValueError as error:
        raise NasError(
            f"Expected a number after '{name}{sign}'. Received: {value}. "
            f"Write for example {name}{sign}0.9."
        ) from error
    compare = _COMPARE[sign]

    def test(trial: Trial) -> bool:
        fact = fact_of(trial, name)
        return isinstance(fact, int | float) and compare(fact, number)

    return test


def _same(fact: Value | None, value: str) -> bool:
    if isinstance(fact, int | float) and not isinstance(fact, bool):
        try:
            return float(value) == fact
        except ValueError:
            return False
    return fact is not None and str(fact).lower() == value.lower()


def fact_of(trial: Trial, name: str) -> Value | None:
    """Returns the value of a choice, a cost or another fact of a trial by its name."""
    if name in trial.values:
        return trial.values[name]
    if name in trial.costs:
        return trial.costs[name]
    facts: dict[str, Value | None] = {
        "trial": trial.number,
        "score": trial.score,
        "epochs": trial.epochs,
        "seconds": trial.duration_s,
        "status": str(trial.status),
        "origin": trial.origin,
    }
    return facts.get(name)


def _words(trial: Trial) -> str:
    parts = (values_text(trial.values), trial.status, trial.origin, trial.reason or "")
    return " ".join(parts).lower()
