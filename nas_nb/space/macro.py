"""The space of blocks in sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import keras

from nas_nb.space.cell_costs import Skeleton
from nas_nb.space.graph import Graph, chain
from nas_nb.space.image_blueprint import ImageBlueprint
from nas_nb.space.macro_blocks import BLOCKS, IDENTITY, apply, normalised
from nas_nb.space.macro_domain import MacroDomain, net_flops, net_params
from nas_nb.space.options import whole, words
from nas_nb.space.parameter import Parameter, ParameterKind

if TYPE_CHECKING:
    from nas_nb.record.values import Values
    from nas_nb.space.search_space import SearchSpace

DEFAULT_BLOCKS = (IDENTITY, "conv_3x3", "mb3_3x3", "mb6_5x5")


@dataclass(frozen=True)
class MacroSpace(ImageBlueprint[Skeleton]):
    """Nets of blocks in sequence: a block is chosen for every place.

    Each stage begins with a 3x3 convolution, which sets the channels and, but for the first
    stage, halves height and width. The values are named ``block_1``, ``block_2``, ...

    Attributes:
        blocks: What a place may hold.
    """

    made_of: ClassVar[str] = "blocks for images"

    blocks: tuple[str, ...]

    @cached_property
    def domain(self) -> MacroDomain:
        """The legal values."""
        kind = ParameterKind.CHOICE if len(self.blocks) > 1 else ParameterKind.FIXED
        places = range(1, self.skeleton.cells * self.skeleton.stages + 1)
        parameters = (Parameter(f"block_{place}", kind, choices=self.blocks) for place in places)
        return MacroDomain(tuple(parameters), skeleton=self.skeleton)

    def features(self, inputs: Any, point: Values) -> Any:
        """Returns the net of a point up to its head, of shape ``(batch, features)``."""
        x = inputs
        stages = self.domain.stages(point)
        for number, (stage, width) in enumerate(zip(stages, self.skeleton.widths, strict=True)):
            x = normalised(x, width, 3, stride=2 if number else 1)
            for name in stage:
                x = apply(x, name, width)
        return keras.layers.GlobalAveragePooling2D()(x)

    def costs(self, point: Values) -> dict[str, int]:
        """Returns `params` and `flops`; of CIFAR-10, until the space is given data."""
        stages = self.domain.stages(point)
        return {
            "params": net_params(stages, self.skeleton),
            "flops": net_flops(stages, self.skeleton),
        }

    def graph(self, point: Values) -> Graph:
        """Returns the blocks in a row, without the identities."""
        labels = ["input"]
        for stage, width in zip(self.domain.stages(point), self.skeleton.widths, strict=True):
            labels.append(f"stage of {width} channels")
            labels += [name for name in stage if name != IDENTITY]
        return chain((*labels, "output"))


def macro(
    *,
    blocks: Sequence[str] = DEFAULT_BLOCKS,
    layers: int = 2,
    width: int = 8,
    stages: int = 3,
    optimizer: str = "adam",
    learning_rate: float = 0.001,
) -> SearchSpace:
    """Returns the space of nets made of blocks in sequence, for images.

    The defaults, 4,096 nets of 6 places, are small enough for two cores. Nets that differ only in
    where an identity stands in its stage are the same: 2,197 of them are distinct.

    Papers: Su et al., Prioritized Architecture Sampling with Monto-Carlo Tree Search, CVPR 2021,
    whose NAS-Bench-Macro has this form; Sandler et al., MobileNetV2, CVPR 2018, for the blocks.

    Args:
        blocks: What a place may hold: some of ``identity``, ``conv_3x3``, ``conv_5x5``,
            ``residual_3x3``, ``mb3_3x3`` and ``mb6_5x5``.
        layers: Places in each stage, 1 or more.
        width: Channels of the first stage; each stage has twice as many as the one before.
        stages: How many stages, 1 or more. Height and width are halved between them.
        optimizer: Keras's name of an optimiser.
        learning_rate: Its constant learning rate.

    Raises:
        SpaceError: A number is out of range, or a block is unknown.

    Example:
        >>> macro(layers=1, stages=2).size
        16
    """
    from nas_nb.space.search_space import SearchSpace

    skeleton = Skeleton(whole("layers", layers), whole("width", width), whole("stages", stages))
    blueprint = MacroSpace(
        blocks=words("blocks", blocks, BLOCKS, in_order=True),
        skeleton=skeleton,
        optimizer=optimizer,
        learning_rate=learning_rate,
    )
    return SearchSpace(blueprint, name="macro")
