"""The shared net of a space, whatever its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import require_tensorflow
from nas_nb.evaluate.supernet.cell_net import CellNet
from nas_nb.evaluate.supernet.chain_net import ChainNet, check_pooling
from nas_nb.evaluate.supernet.choice import Choices
from nas_nb.evaluate.supernet.relaxation import mixed_choices
from nas_nb.space.cell import CellSpace
from nas_nb.space.chain import Chain
from nas_nb.space.part import Part

if TYPE_CHECKING:
    from nas_nb.data import DataSpec
    from nas_nb.evaluate.supernet.layers import Call
    from nas_nb.evaluate.supernet.weights import Weights
    from nas_nb.space.search_space import SearchSpace


class SharedNet(Protocol):
    """A net that holds every architecture of a space."""

    choices: Choices
    spec: DataSpec

    def logits(self, how: Any, x: Any, call: Call) -> Any:
        """Returns the sums of the output layer for a path or a mixture of all."""


def shared_net(space: SearchSpace, weights: Weights) -> SharedNet:
    """Returns the shared net of a space that has been given data.

    Raises:
        MeasureError: The space is neither one of chains nor one of cells, or has no data; or Keras
            does not run on TensorFlow.
    """
    require_tensorflow("a supernet")
    blueprint = _shareable(space)
    if blueprint.spec is None:
        raise MeasureError(
            "Expected a space that knows the data for a supernet, got one without: take "
            "space.for_data(data.spec)."
        )
    if isinstance(blueprint, Chain):
        return ChainNet(space.domain, blueprint.spec, weights)
    return CellNet(space.domain, blueprint.skeleton, blueprint.spec, weights)


def check_shareable(space: SearchSpace, *, mixed: bool = False) -> None:
    """Checks that a space has a shared net, without making one.

    Args:
        space: The space.
        mixed: Whether the net is to hold a mixture of all choices, not one path at a time.

    Raises:
        MeasureError: It has none.
    """
    blueprint = _shareable(space)
    choices = Choices.of(space.domain)
    if isinstance(blueprint, Chain):
        check_pooling(choices)
    if mixed:
        mixed_choices(choices)


def _shareable(space: SearchSpace) -> Chain | CellSpace:
    blueprint = space.blueprint
    while isinstance(blueprint, Part):
        blueprint = blueprint.whole
    if isinstance(blueprint, Chain | CellSpace):
        return blueprint
    raise MeasureError(
        "Expected a space of chains (a dictionary of layers) or of NAS-Bench-201's cells for "
        f"a supernet, got one of {type(blueprint).__name__}: take a strategy that trains "
        "every candidate by itself, such as 'evolution'."
    )
