"""A cell that was edited while its search runs: what differs, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas_nb.strategy.names import STRATEGIES

_WHO = ("strategy", "options")
_UNITS = ("_s", "_bytes")
"""Ends of names in a journal that the names of arguments don't have."""


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Returns what was asked for by another name or number, with both.

    Args:
        then: What the running search was asked for, as `given_of` returns it.
        now: What the cell asks for now.
    """
    pairs = {name: (then.get(name), now.get(name)) for name in _WHO}
    limits = {**(then.get("budget") or {}), **(now.get("budget") or {})}
    for name in limits:
        both = (then.get("budget") or {}).get(name), (now.get("budget") or {}).get(name)
        pairs[_argument(name)] = both
    return {name: both for name, both in pairs.items() if both[0] != both[1]}


def ways_out(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Returns sentences that say what the cell changed, and the two things that can be done."""
    changed = differences(then, now)
    said = ", ".join(f"{name}={new!r} (was {old!r})" for name, (old, new) in changed.items())
    return (
        f"The cell was changed since then: {said}. Either leave the cell and change the running "
        f"one, with {' and '.join(f'`{call}`' for call in _calls(changed, now))}, or end it with "
        "`%nas stop` or `nas.current_search().stop()` and run the cell again: it goes on from "
        "what was measured."
    )


def _calls(changed: Mapping[str, tuple[Any, Any]], now: Mapping[str, Any]) -> list[str]:
    steer = "nas.current_search().steer"
    calls = []
    if set(_WHO) & set(changed):
        name, options = now.get("strategy"), now.get("options") or {}
        # A function's name is no name of a strategy: it has to be passed itself.
        who = repr(name) if name in STRATEGIES else str(name)
        given = "".join(f", {key}={value!r}" for key, value in options.items())
        calls.append(f"{steer}.strategy({who}{given if name in STRATEGIES else ''})")
    limits = {name: new for name, (_, new) in changed.items() if name not in _WHO}
    if limits:
        given = ", ".join(f"{name}={value!r}" for name, value in limits.items())
        calls.append(f"{steer}.budget({given})")
    return calls


def _argument(name: str) -> str:
    for unit in _UNITS:
        name = name.removesuffix(unit)
    return name
