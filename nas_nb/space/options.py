"""What the makers of ready spaces are given: words, whole numbers, numbers and intervals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from nas_nb.errors import SpaceError, nearest
from nas_nb.record.values import plain
from nas_nb.space.interval import Interval

Choices = tuple[Any, ...] | Interval
"""The values that an option offers: each one, or all numbers of an interval."""


def whole(name: str, value: object, low: int = 1, high: int | None = None) -> int:
    """Returns `value`, if it is a whole number from `low` to `high`.

    Raises:
        SpaceError: It isn't.
    """
    legal = isinstance(value, int) and not isinstance(value, bool) and value >= low
    if legal and (high is None or cast(int, value) <= high):
        return cast(int, value)
    wanted = f"of {low} or more" if high is None else f"from {low} to {high}"
    raise SpaceError(f"Expected `{name}` to be a whole number {wanted}, got {value!r}.")


def words(
    option: str, given: Any, known: Iterable[str], *, in_order: bool = False
) -> tuple[str, ...]:
    """Returns the words that an option offers.

    Args:
        option: What it is called.
        given: What the user gave: words, or one.
        known: What may be given.
        in_order: Whether to return them in the order of `known`. Default: as they were given.

    Raises:
        SpaceError: It offers none, or one that isn't known.
    """
    known = tuple(known)
    listed = _listed(option, given)
    for word in listed:
        if word not in known:
            raise SpaceError(
                f"Expected {option} among {', '.join(known)}, got {word!r}."
                + nearest(str(word), known)
            )
    return tuple(sorted(listed, key=known.index)) if in_order else listed


def counts(option: str, given: Any, least: int = 1) -> tuple[int, ...]:
    """Returns the whole numbers that an option offers.

    Raises:
        SpaceError: It offers none, or something else, or a number below the least.
    """
    listed = _listed(option, given)
    for value in listed:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise SpaceError(
                f"Expected {option} to be whole numbers of {least} or more, got {value!r}."
            )
    return listed


def numbers(option: str, given: Any, low: float, high: float) -> Choices:
    """Returns the numbers, or the interval, that an option offers.

    Raises:
        SpaceError: It offers none, or something else, or a number outside ``[low, high)``.
    """
    ends = (given.low, given.high) if isinstance(given, Interval) else None
    listed = _listed(option, given) if ends is None else ends
    for value in listed:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value < high:
            raise SpaceError(
                f"Expected {option} to be numbers from {low:g} to below {high:g}, got {value!r}."
            )
    return given if isinstance(given, Interval) else tuple(map(float, listed))


def _listed(option: str, given: Any) -> tuple[Any, ...]:
    given = plain(given)
    listed = tuple(given) if isinstance(given, list | tuple | range) else (given,)
    if not listed:
        raise SpaceError(f"Expected {option} to offer at least one value, got none.")
    for number, value in enumerate(listed):
        if value in listed[:number]:
            raise SpaceError(f"Expected the values of {option} to differ, got {value!r} twice.")
    return listed
