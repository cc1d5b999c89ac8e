"""What strategies with one net for the whole space have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from nas_nb.errors import MeasureError, StrategyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nas_nb.record.history import History
    from nas_nb.space.search_space import SearchSpace
    from nas_nb.strategy.strategy import Strategy


def refuse_unshareable(owner: str, space: SearchSpace, *, mixed: bool = False) -> None:
    """Raises a `StrategyError` if no net can hold all architectures of a space.

    Args:
        owner: The strategy's name, for the message.
        space: The space, bound to the data.
        mixed: Whether the net holds a mixture of all choices, not one path at a time.
    """
    from nas_nb.evaluate.supernet.nets import check_shareable

    try:
        check_shareable(space, mixed=mixed)
    except MeasureError as error:
        raise StrategyError(
            f"Strategy '{owner}' trains one net for the whole space, and this space has none. "
            f"{error}"
        ) from None


def prepared(strategy: Strategy, what: str, history: History) -> Mapping[str, Any] | None:
    """Returns the last of what a strategy with these options wrote before the first trial."""
    for event in reversed(history.prepared):
        detail: Mapping[str, Any] = event.get("detail") or {}
        mine = event["strategy"] == strategy.name and event["what"] == what
        if mine and detail["options"] == strategy.options:
            return detail
    return None


def refuse_unprepared(strategy: Strategy, does: str) -> NoReturn:
    """Raises the `StrategyError` of a strategy whose net was never trained."""
    raise StrategyError(
        f"Strategy '{strategy.name}' {does}, which `Search` trains on its data before the first "
        f"trial. Received: a history without it. Run it as nas.Search(space, data, "
        f"strategy='{strategy.name}'); an oracle has no data."
    )
