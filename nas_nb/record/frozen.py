"""Dicts and lists that nobody can change: what the history hands out."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

V = TypeVar("V")


class ReadOnlyError(TypeError):
    """Somebody tried to change what the history holds."""


def _refuse(self: object, *args: object, **kwargs: object) -> NoReturn:
    kind = "list" if isinstance(self, list) else "dict"
    raise ReadOnlyError(
        f"The history is only for reading, with all that it holds: change a copy, {kind}(...), "
        "as in `values = dict(trial.values)`."
    )


class FrozenDict(dict[str, V]):
    """A plain dict to everyone who reads, so that it goes into JSON and equals a dict."""

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = setdefault = pop = popitem = clear = _refuse

    def __reduce__(self) -> tuple[type[FrozenDict[V]], tuple[dict[str, V]]]:
        return FrozenDict, (dict(self),)


class FrozenList(list[V]):
    """A plain list to everyone who reads."""

    __slots__ = ()

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = extend = insert = remove = pop = _refuse
    clear = sort = reverse = _refuse

    def __reduce__(self) -> tuple[type[FrozenList[V]], tuple[list[V]]]:
        return FrozenList, (list(self),)


NOTHING: FrozenDict[Any] = FrozenDict()
"""What a trial has before it has anything; it can't change, so that all may share it."""


def frozen(value: Any) -> Any:
    """Returns what JSON gave, read-only in all its depth."""
    if isinstance(value, dict):
        return FrozenDict({name: frozen(item) for name, item in value.items()})
    if isinstance(value, list):
        return FrozenList(map(frozen, value))
    return value
