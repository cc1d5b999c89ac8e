"""What a trial was made of: how its values were found, and from which trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value, Values

_SHOWN = 4


def changed_values(before: Values, now: Values) -> dict[str, tuple[Value | None, Value | None]]:
    """Returns the choices that differ, (before, now) by name; None for one that is not made."""
    names = dict.fromkeys((*now, *before))
    pairs = {name: (before.get(name), now.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def origin_text(trial: Trial, history: History) -> str:
    """Returns who proposed a trial and how, in words.

    Example:
        "evolution: mutated from trial 5 (units_2: 32 → 64)"; "predictor: predicted".
    """
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


def _word(value: Value | None) -> str:
    return "none" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
