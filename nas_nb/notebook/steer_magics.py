"""The lines of `%nas` that steer: `%nas pin units=64`, `%nas queue depth=2`, ..."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from nas_nb.notebook import terminal

if TYPE_CHECKING:
    from nas_nb.notebook.search import Search
    from nas_nb.record.values import Value

Act = Callable[["Search", Sequence[str]], None]

OF_CHOICES = ("pin", "without", "at_least", "at_most", "queue")
"""The actions whose words are choices of the space: `units=64`."""


def steer(search: Search, action: str, words: Sequence[str]) -> None:
    """Does what a line asks for, and says what is left of the space and waits.

    Args:
        search: The search to steer.
        action: One of `STEERING`.
        words: What follows it.

    Raises:
        UsageError: The words don't fit the action.
        NasError: The search refuses.
    """
    STEERING[action](search, words)
    asked = search.steer
    rules = "; ".join(map(str, asked.rules)) or "nothing is restricted"
    left, size = search.space_left, search.space.domain.distinct.size
    text = f"{search.name}: {rules}; {left:,} of {size:,} architectures are left"
    waiting = len(asked.queued)
    terminal.say(f"{text}{f', {waiting} of yours wait' if waiting else ''}.")


def assigned(action: str, words: Sequence[str], *, lists: bool = False) -> dict[str, Any]:
    """Returns what words such as `units=64` assign; values are read as Python writes them.

    Args:
        action: What they belong to, for messages.
        words: At least one.
        lists: Whether `units=32,64` is a list.

    Raises:
        UsageError: A word is none such, or there is none.
    """
    found = {}
    for word in words or ("",):
        name, sign, text = word.partition("=")
        if not name.isidentifier() or not sign or not text:
            raise UsageError(
                f"%nas {action} takes NAME=VALUE, for example {_EXAMPLES[action]}. "
                f"Received: '{word}'."
            )
        found[name] = [_value(part) for part in text.split(",")] if lists else _value(text)
    return found


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _rule(action: str) -> Act:
    lists = action in ("pin", "without")

    def asked(search: Search, words: Sequence[str]) -> None:
        getattr(search.steer, action)(**assigned(action, words, lists=lists))

    return asked


def _queue(search: Search, words: Sequence[str]) -> None:
    """Queues the incumbent with these choices changed; without one, the space's defaults."""
    changes: dict[str, Value] = assigned("queue", words)
    domain, best = search.space.domain, search.history.incumbent
    domain.complete(changes)  # what is no choice, or no value of one, is named
    values = dict(changes)
    for name, value in best.values.items() if best is not None else ():
        if name not in values and _is_legal(domain, {**values, name: value}):
            values[name] = value  # else the change leaves it no such value: its default
    search.steer.queue(domain.complete(values))


def _is_legal(domain: Any, values: dict[str, Value]) -> bool:
    from nas_nb.errors import SpaceError

    try:
        domain.complete(values)
    except SpaceError:
        return False
    return True


def _more_epochs(search: Search, words: Sequence[str]) -> None:
    if len(words) != 2 or not all(word.isdigit() for word in words):
        raise UsageError(
            "%nas more_epochs takes a trial and how many epochs more, for example "
            f"{_EXAMPLES['more_epochs']}. Received: '{' '.join(words)}'."
        )
    search.steer.more_epochs(int(words[0]), int(words[1]))


def _strategy(search: Search, words: Sequence[str]) -> None:
    if not words:
        raise UsageError(f"%nas strategy: which one? Write {_EXAMPLES['strategy']}.")
    options = assigned("strategy", words[1:]) if words[1:] else {}
    search.steer.strategy(words[0], **options)


def _budget(search: Search, words: Sequence[str]) -> None:
    search.steer.budget(**assigned("budget", words))


def _alone(action: str) -> Act:
    def asked(search: Search, words: Sequence[str]) -> None:
        if words:
            raise UsageError(f"%nas {action} takes no argument. Received: '{words[0]}'.")
        getattr(search.steer, action)()

    return asked


STEERING: dict[str, Act] = {
    **{action: _rule(action) for action in ("pin", "without", "at_least", "at_most")},
    "release": lambda search, words: search.steer.release(*words),
    "queue": _queue,
    "unqueue": _alone("unqueue"),
    "stop_trial": _alone("stop_trial"),
    "more_epochs": _more_epochs,
    "strategy": _strategy,
    "budget": _budget,
}
"""What steers, by its word."""

_EXAMPLES = {
    "pin": "%nas pin units=32,64",
    "without": "%nas without layer_1=Dense",
    "at_least": "%nas at_least units=64",
    "at_most": "%nas at_most units=64",
    "queue": "%nas queue units_1=64",
    "more_epochs": "%nas more_epochs 3 10",
    "strategy": "%nas strategy evolution population=10",
    "budget": "%nas budget max_trials=100",
}
