"""Whether a space can share one net among its candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_nb.errors import MeasureError, StrategyError

if TYPE_CHECKING:
    from nas_nb.space.search_space import SearchSpace


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
