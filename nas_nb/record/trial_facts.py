"""What a history tells of its trials: the data frame, their origin, the error of their scores."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from nas_nb.errors import printable
from nas_nb.record.trial import changed_values

if TYPE_CHECKING:
    import pandas as pd

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value, Values

FRONT = ("macs", "latency_s", "front")
# Only where a trial, or the search, has something to say of them; resolution: in old journals.
GRANTS = ("data_fraction", "resolution", "executions_per_trial", "spread", "parent")
FIRST = ("score", "status", "epochs", "params", "duration_s")
LAST = ("reason", "origin", "note")
FACTS = (*FIRST, *LAST)


def trials_frame(
    history: History,
    names: Sequence[str] = (),
    implied: Callable[[Values], Values] | None = None,
) -> pd.DataFrame:
    """Returns one row a trial: facts, values in the order of `names`, grants that differ."""
    # A value whose name is a fact's is called "NAME (value)". Grants, the spread of repeats and the
    # parent are columns where some trial has one; further costs and the front where they are
    # objectives. Whole numbers with gaps are nullable ones.
    import pandas as pd  # here: the magics load this module, and pandas takes half a second

    trials = history.trials
    shown = [{**(implied(t.values) if implied else {}), **t.values} for t in trials]
    seen = dict.fromkeys(name for values in shown for name in values)
    ordered = [name for name in names if name in seen]
    taken = (*FACTS, *(FRONT if history.minimised else ()), *GRANTS)
    facts = {fact: _column([_fact(trial, fact, history) for trial in trials]) for fact in FACTS}
    facts["score"] = facts["score"].astype("float64")
    columns = {name: facts[name] for name in FIRST}
    columns |= {
        f"{name} (value)" if name in taken else name: _column(
            [values.get(name) for values in shown]
        )
        for name in dict.fromkeys([*ordered, *seen])
    }
    columns |= {name: facts[name] for name in LAST}
    if history.minimised:
        front = {trial.number for trial in history.front.trials}
        costs = [name for name in history.minimised if name not in FIRST]
        columns |= {name: _column([t.costs.get(name) for t in trials]) for name in costs}
        columns["front"] = _column([trial.number in front for trial in trials])
    for name in GRANTS:
        cells = [_grant(trial, name, history) for trial in trials]
        if any(cell is not None for cell in cells):
            columns[name] = _column(cells)
    index = pd.RangeIndex(len(trials), name="trial")
    # By place, not by name: pandas on pyarrow refuses names that are no Unicode.
    frame = pd.DataFrame(dict(enumerate(columns.values()))).set_index(index)
    return frame.set_axis([printable(name) for name in columns], axis=1)


def _fact(trial: Trial, name: str, history: History) -> Any:
    if name == "origin":
        return origin_text(trial, history)
    if name == "params":
        return trial.costs.get("params")
    value = getattr(trial, name)
    return str(value) if name == "status" else value


def _grant(trial: Trial, name: str, history: History) -> Any:
    if name == "parent":
        return trial.parent
    if name == "spread":
        return _spread(trial, history.objective)
    return trial.fidelity.get(name, history.granted.get(name))


def _spread(trial: Trial, objective: str) -> float | None:
    """What the repeats differed by in the epoch that made the score."""
    best = (logs for logs in trial.curve if logs.get(objective) == trial.score)
    return next(best, {}).get(f"{objective}_spread")


def _column(cells: list[Any]) -> pd.Series[Any]:
    import pandas as pd

    cells = [printable(cell) if type(cell) is str else cell for cell in cells]
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds == {int}:
        return pd.Series(cells, dtype="Int64" if None in cells else "int64")
    if kinds == {bool}:
        return pd.Series(cells, dtype="boolean" if None in cells else "bool")
    if kinds == {float}:
        return pd.Series(cells, dtype="float64")
    return pd.Series(cells, dtype="object")


_SHOWN = 4


def origin_text(trial: Trial, history: History) -> str:
    """Says "evolution: mutated from trial 5 (units_2: 32 → 64)", "predictor: predicted"."""
    how, sources = trial.how, trial.ancestors
    if trial.parent is not None and not sources:
        continued = history[trial.parent].values == trial.values
        how, sources = "continued" if continued else "changed", (trial.parent,)
    if not how:
        return trial.origin
    if not sources:
        return f"{trial.origin}: {how}"
    named = ("trial " if len(sources) == 1 else "trials ") + " and ".join(map(str, sources))
    changes = changed_values(history[sources[0]].values, trial.values)
    told = [f"{name}: {_word(old)} → {_word(new)}" for name, (old, new) in changes.items()]
    if len(told) > _SHOWN:
        told[_SHOWN:] = [f"{len(told) - _SHOWN} more"]
    return f"{trial.origin}: {how} from {named}" + (f" ({', '.join(told)})" if told else "")


class LineageStep(NamedTuple):
    """One trial of a line of ancestors."""

    trial: Trial  # the trial
    changes: dict[str, tuple[Value | None, Value | None]]  # what changed: (before, now)
    gain: float | None  # by how much its score is better; None where either has none

    @property
    def text(self) -> str:
        """The step in words: 'units_2: 32 → 64 (+0.0120, trial 9)'."""
        told = [f"{name}: {_word(old)} → {_word(new)}" for name, (old, new) in self.changes.items()]
        gain = "" if self.gain is None else f"{self.gain:+.4f}, "
        return f"{', '.join(told) or 'nothing changed'} ({gain}trial {self.trial.number})"


def ancestry(history: History, trial: Trial) -> tuple[LineageStep, ...]:
    """Returns the line of first ancestors of a trial, oldest first, the trial itself last."""
    line = [trial]
    while (before := (*line[-1].ancestors, line[-1].parent)[0]) is not None:
        line.append(history[before])
    steps: list[LineageStep] = []
    last: Trial | None = None
    for one in reversed(line):
        known = last is not None and last.score is not None and one.score is not None
        gain = history.sign * ((one.score or 0.0) - (last.score or 0.0)) if known and last else None
        steps.append(
            LineageStep(one, changed_values(last.values if last else {}, one.values), gain)
        )
        last = one
    return tuple(steps)


def ancestry_text(history: History, trial: Trial) -> str:
    """Returns where a trial came from, step by step, in a sentence."""
    first, *steps = ancestry(history, trial)
    how = first.trial.how or f"proposed by {first.trial.origin}"
    if not steps:
        return f"Trial {trial.number} has no ancestors: it was {how}."
    shown = [step.text for step in steps[-_SHOWN:]]
    left = f"{len(steps) - _SHOWN} earlier, " if len(steps) > _SHOWN else ""
    score = "" if first.trial.score is None else f", score {number_text(first.trial.score)}"
    count = f"{len(steps)} step{'s' if len(steps) > 1 else ''}"
    return (
        f"Trial {trial.number} descends from trial {first.trial.number} ({how}{score}) in {count}: "
        f"{left}{'; '.join(shown)}."
    )


def _word(value: Value | None) -> str:
    return "none" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


_ACCURACY = re.compile(r"val_(\w+_)?acc(uracy)?")


def share_error(share: float, rows: int) -> float:
    """Returns the standard error of a share p of n rows: sqrt(p (1 - p) / n)."""
    # At 0 and 1, where that is 0, p is taken half a row further in: n right rows are no proof.
    inside = min(max(share, 0.5 / rows), 1 - 0.5 / rows)
    return math.sqrt(inside * (1 - inside) / rows)


def score_error(history: History, trial: Trial) -> float | None:
    """Returns the standard error of a trial's score over validation rows; None if unknown."""
    # That of a share follows from the score, that of another mean was measured with the trial.
    score, rows = trial.score, history.validation_rows
    if trial.standard_error is not None:
        return trial.standard_error
    if not rows or score is None or not 0 <= score <= 1:
        return None
    return share_error(score, rows) if _ACCURACY.fullmatch(history.objective) else None


def tied(history: History) -> tuple[Trial, ...]:
    """Returns the other completed trials with the incumbent's score."""
    best = history.incumbent
    if best is None:
        return ()
    return tuple(t for t in history.completed if t.score == best.score and t.number != best.number)


def noise(*errors: float, degrees: float = math.inf) -> float:
    """Returns the largest difference of two scores that is called noise.

    It is half the 95 % interval of their difference by Student's t, and the only rule of what can
    be told apart: each place that speaks of noise, winners or confirmation asks it.
    """
    if degrees == math.inf:
        return 1.96 * math.hypot(*errors)
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975)) * math.hypot(*errors)


def within_noise(history: History, error: float | None = None) -> tuple[Trial, ...] | None:
    """Returns the other completed trials that the incumbent can't be told from; None if unknown."""
    # `error` is the standard error of any score; by default the binomial one of a share.
    return _within_noise(history, history.version, error)


@lru_cache(maxsize=2)  # all parts of a frame ask, and thousands of trials take a while
def _within_noise(history: History, version: int, error: float | None) -> tuple[Trial, ...] | None:
    best = history.incumbent
    if best is None or best.score is None:
        return None
    top, own = best.score, score_error(history, best) if error is None else error
    if own is None:
        return None
    others = ((t, t.score) for t in history.completed if t.score is not None)
    measured = ((t, s, score_error(history, t) if error is None else error) for t, s in others)
    near = (t for t, s, e in measured if abs(top - s) <= noise(own, own if e is None else e))
    return tuple(trial for trial in near if trial.number != best.number)


def number_text(number: float | None) -> str:
    """Returns a score or another measured number with four digits that count; '' for None."""
    if number is None:
        return ""
    return f"{number:.4f}" if 1e-3 <= abs(number) < 1e3 or number == 0 else f"{number:.3e}"


def score_text(history: History, trial: Trial) -> str:
    """Returns a trial's score with its standard error, where that is known: '0.9778 ± 0.0078'."""
    return measured_text(trial.score, score_error(history, trial))


def measured_text(number: float | None, error: float | None) -> str:
    """Returns a measured number with its standard error, where that is known."""
    return f"{number_text(number)}{'' if error is None else f' ± {error_text(error)}'}"


def error_text(error: float) -> str:
    """Returns a standard error with two digits that count: '0.010', '120'."""
    rounded = float(f"{error:.2g}")
    places = 1 - math.floor(math.log10(rounded)) if 0 < rounded < math.inf else 0
    return f"{rounded:.{max(places, 0)}f}"


_NAMED = 3


def trials_text(trials: Sequence[Trial]) -> str:
    """Returns the numbers of some trials: 'trials 7 and 9', 'trials 7, 9, 11 and 4 more'."""
    shown = [str(trial.number) for trial in trials[:_NAMED]]
    last = f"{len(trials) - _NAMED} more" if len(trials) > _NAMED else shown.pop()
    both = f"{', '.join(shown)} and {last}" if shown else last
    return f"trial{'s' if len(trials) > 1 else ''} {both}"


def best_text(history: History) -> str:
    """Returns the best score with its error, its trial, and what can't be told from it; or ''."""
    best = history.incumbent
    if best is None:
        return ""
    ties = tied(history)
    near = len(within_noise(history) or ()) - len(ties)
    shared = f", tied with {trials_text(ties)}" if ties else ""
    close = f"; {near:,} more within noise" if near > 0 else ""
    return f"{history.objective} {score_text(history, best)} in trial {best.number}{shared}{close}"


def cost_text(cost: float) -> str:
    """Returns what a model costs, or another number: a count in full, else four digits."""
    return f"{cost:,.0f}" if abs(cost) >= 1000 or float(cost).is_integer() else f"{cost:.4g}"


def front_text(history: History) -> str:
    """Returns the front of a search of several objectives, and its knee; '' where it has one."""
    front = history.front if history.minimised else None
    if front is None or not front.trials:
        return ""
    names = " and ".join((history.objective, *history.minimised))
    count = len(front.trials)
    text = f"The front of {names} has {count} trial{'s' if count > 1 else ''}"
    if front.knee is None:
        return f"{text}."
    costs = (f"{cost_text(front.knee.costs[name])} {name}" for name in history.minimised)
    return (
        f"{text}; its knee, a compromise, is trial {front.knee.number} with "
        f"{front.knee.score or 0.0:.4g} and {', '.join(costs)}."
    )
