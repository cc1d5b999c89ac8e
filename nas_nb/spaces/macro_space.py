"""`macro`: blocks in sequence."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

import keras

from nas_nb.space.graph import Graph, chain_graph
from nas_nb.space.isomorphism import IsomorphicDomain
from nas_nb.space.parameter import Parameter
from nas_nb.spaces.ready_space import Skeleton, SkeletonSpace, check_whole_option, read_words

if TYPE_CHECKING:
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.search_space import SearchSpace

# Every block keeps the shape of its input, so that any may follow any.

IDENTITY = "identity"

DEFAULT_BLOCKS = (IDENTITY, "conv_3x3", "mb3_3x3", "mb6_5x5")


@dataclass(frozen=True)
class MacroSpace(SkeletonSpace[Skeleton]):
    """Nets of blocks in sequence: one is chosen for every place, ``block_1``, ``block_2``, ..."""

    # Each stage begins with a 3x3 convolution, which sets the channels and, but for the first
    # stage, halves height and width.

    made_of: ClassVar[str] = "blocks for images"

    blocks: tuple[str, ...]

    @cached_property
    def whole_domain(self) -> MacroDomain:
        """The legal values."""
        places = range(1, self.skeleton.cells * self.skeleton.stages + 1)
        parameters = (Parameter.among(f"block_{place}", self.blocks) for place in places)
        return MacroDomain(tuple(parameters), skeleton=self.skeleton)

    def features(self, inputs: Any, point: Values) -> Any:
        """Returns the net of a point up to its head, of shape ``(batch, features)``."""
        x = inputs
        stages = self.whole_domain.stages(point)
        for number, (stage, width) in enumerate(zip(stages, self.skeleton.widths, strict=True)):
            x = normalised(x, width, 3, stride=2 if number else 1)
            for name in stage:
                x = apply(x, name, width)
        return keras.layers.GlobalAveragePooling2D()(x)

    def costs(self, point: Values) -> dict[str, int]:
        """Returns `params` and `macs`; of CIFAR-10, until the space is given data."""
        stages = self.whole_domain.stages(point)
        return {
            "params": net_params(stages, self.skeleton),
            "macs": net_macs(stages, self.skeleton),
        }

    def graph(self, point: Values) -> Graph:
        """Returns the blocks in a row, without the identities."""
        labels = ["input"]
        for stage, width in zip(self.whole_domain.stages(point), self.skeleton.widths, strict=True):
            labels.append(f"stage of {width} channels")
            labels += [name for name in stage if name != IDENTITY]
        return chain_graph((*labels, "output"))


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

    skeleton = Skeleton(
        check_whole_option("layers", layers),
        check_whole_option("width", width),
        check_whole_option("stages", stages),
    )
    definition = MacroSpace(
        blocks=read_words("blocks", blocks, BLOCKS, in_order=True),
        skeleton=skeleton,
        optimizer=optimizer,
        learning_rate=learning_rate,
    )
    return SearchSpace(definition, name="macro")


Blocks = tuple[str, ...]


@dataclass(frozen=True)
class MacroDomain(IsomorphicDomain):
    """The nets of a skeleton: one choice of a block for each place of each stage."""

    # Blocks of a stage that differ only in where the identities stand make the same net: they are
    # twins, and the one with its identities last stands for them.

    skeleton: Skeleton

    def key(self, point: Values) -> str:
        """Returns the blocks without identities: ``conv_3x3,mb3_3x3|conv_3x3||``."""
        return "|".join(",".join(_working(stage)) for stage in self.stages(point))

    def standing_for(self, point: Values) -> dict[str, Value]:
        """Returns the twin whose identities stand as late as they may."""
        stages = zip(self.stages(point), self._places, strict=True)
        blocks = [block for stage, places in stages for block in _identities_last(stage, places)]
        return dict(zip(point, blocks, strict=True))

    def count_distinct(self) -> int:
        """Returns how many different nets there are."""
        return math.prod(
            len({_working(stage) for stage in itertools.product(*(_choices(p) for p in places))})
            for places in self._places
        )

    def features(self, values: Values) -> dict[str, float]:
        """Returns logarithms of the costs, the depth, and the working blocks of each stage."""
        stages = self.stages(self.canonical(values))
        return {
            "log_params": math.log(net_params(stages, self.skeleton)),
            "log_macs": math.log(net_macs(stages, self.skeleton)),
            "depth": float(sum(map(longest, stages))),
            **{f"blocks_{n}": float(len(_working(stage))) for n, stage in enumerate(stages, 1)},
        }

    def stages(self, point: Values) -> tuple[Blocks, ...]:
        """Returns the blocks of each stage, identities included."""
        blocks = iter(cast("list[str]", list(point.values())))
        return tuple(
            tuple(itertools.islice(blocks, self.skeleton.cells))
            for _ in range(self.skeleton.stages)
        )

    @cached_property
    def _places(self) -> tuple[tuple[Parameter, ...], ...]:
        count = self.skeleton.cells
        return tuple(
            self.parameters[first : first + count]
            for first in range(0, len(self.parameters), count)
        )


def net_params(stages: Sequence[Blocks], skeleton: Skeleton) -> int:
    """Returns how many weights the net has, as Keras counts them, exactly."""
    channels = (skeleton.input_shape[2], *skeleton.widths)
    entries = sum((9 * a + 4) * b for a, b in itertools.pairwise(channels))
    blocks = sum(
        params(name, width)
        for stage, width in zip(stages, skeleton.widths, strict=True)
        for name in stage
    )
    return entries + blocks + (skeleton.widths[-1] + 1) * skeleton.outputs


def net_macs(stages: Sequence[Blocks], skeleton: Skeleton) -> int:
    """Returns the multiply-adds of the net for one sample."""
    channels = (skeleton.input_shape[2], *skeleton.widths)
    entries = sum(
        9 * a * b * area
        for (a, b), area in zip(itertools.pairwise(channels), skeleton.areas, strict=True)
    )
    blocks = sum(
        macs(name, width) * area
        for stage, width, area in zip(stages, skeleton.widths, skeleton.areas, strict=True)
        for name in stage
    )
    return entries + blocks + skeleton.widths[-1] * skeleton.outputs


def _working(stage: Blocks) -> Blocks:
    return tuple(name for name in stage if name != IDENTITY)


def _choices(parameter: Parameter) -> Blocks:
    return cast("Blocks", parameter.choices)


def _identities_last(stage: Blocks, places: Sequence[Parameter]) -> Blocks:
    """Returns the twin of a stage with its identities last, as far as the places allow."""
    return next(
        twin
        for twin in _arrangements(_working(stage), len(stage))
        if all(place.contains(name) for place, name in zip(places, twin, strict=True))
    )


def _arrangements(working: Blocks, length: int) -> Iterator[Blocks]:
    for taken in itertools.combinations(range(length), len(working)):
        stage = [IDENTITY] * length
        for place, name in zip(taken, working, strict=True):
            stage[place] = name
        yield tuple(stage)


@dataclass(frozen=True)
class Block:
    """How a block is built."""

    side: int  # of its spatial kernel
    expansion: int = 0  # of an inverted residual; 0 for plain convolutions
    depth: int = 1  # how many plain convolutions
    residual: bool = True  # whether the input is added to the result


BLOCKS: dict[str, Block | None] = {
    IDENTITY: None,
    "conv_3x3": Block(3, residual=False),
    "conv_5x5": Block(5, residual=False),
    "residual_3x3": Block(3, depth=2),
    "mb3_3x3": Block(3, expansion=3),
    "mb6_5x5": Block(5, expansion=6),
}
"""Every block by name. ``mbE_KxK`` is MobileNetV2's inverted residual, widened E times."""


def apply(x: Any, name: str, width: int) -> Any:
    """Returns what the block makes of feature maps with `width` channels."""
    block = BLOCKS[name]
    if block is None:
        return x
    y = _inverted(x, block, width) if block.expansion else _plain(x, block, width)
    return keras.layers.Add()([x, y]) if block.residual else y


def normalised(x: Any, width: int, side: int, *, stride: int = 1, active: bool = True) -> Any:
    """Returns convolution, normalisation and, if `active`, ReLU of `x`."""
    x = keras.layers.Conv2D(width, side, strides=stride, padding="same", use_bias=False)(x)
    return _batch_normalised(x, active)


def params(name: str, width: int) -> int:
    """Returns how many weights the block has at that width, as Keras counts."""
    block = BLOCKS[name]
    if block is None:
        return 0
    if not block.expansion:
        return block.depth * (block.side**2 * width + 4) * width
    inner = block.expansion * width
    return 2 * width * inner + block.side**2 * inner + 4 * (2 * inner + width)


def macs(name: str, width: int) -> int:
    """Returns the multiply-adds of the block for one pixel."""
    block = BLOCKS[name]
    if block is None:
        return 0
    if not block.expansion:
        return block.depth * block.side**2 * width * width
    inner = block.expansion * width
    return 2 * width * inner + block.side**2 * inner


def longest(names: Sequence[str]) -> int:
    """Returns how many spatial convolutions follow each other in these blocks."""
    known = (BLOCKS[name] for name in names)
    return sum(block.depth for block in known if block is not None)


def _plain(x: Any, block: Block, width: int) -> Any:
    for _ in range(block.depth):
        x = normalised(x, width, block.side)
    return x


def _inverted(x: Any, block: Block, width: int) -> Any:
    x = normalised(x, block.expansion * width, 1)
    x = keras.layers.DepthwiseConv2D(block.side, padding="same", use_bias=False)(x)
    return normalised(_batch_normalised(x, active=True), width, 1, active=False)


def _batch_normalised(x: Any, active: bool) -> Any:
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    return keras.layers.Activation("relu")(x) if active else x
