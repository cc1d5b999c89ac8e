"""The domain of blocks in sequence: an identity may stand anywhere in its stage."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from nas_nb.space.macro_blocks import IDENTITY, flops, longest, params
from nas_nb.space.twins import TwinDomain

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values
    from nas_nb.space.cell_costs import Skeleton
    from nas_nb.space.parameter import Parameter

Blocks = tuple[str, ...]


@dataclass(frozen=True)
class MacroDomain(TwinDomain):
    """The nets of a skeleton: one choice of a block for each place of each stage.

    Blocks of a stage that differ only in where the identities stand make the same net: they are
    twins, and the one with its identities last stands for them.

    Attributes:
        skeleton: Where the blocks stand; `cells` is the number of places in a stage.
    """

    skeleton: Skeleton

    def key(self, point: Values) -> str:
        """Returns the blocks without identities: ``conv_3x3,mb3_3x3|conv_3x3||``."""
        return "|".join(",".join(_working(stage)) for stage in self.stages(point))

    def standing_for(self, point: Values) -> dict[str, Value]:
        """Returns the twin whose identities stand as late as they may."""
        stages = zip(self.stages(point), self._places, strict=True)
        blocks = [block for stage, places in stages for block in _settled(stage, places)]
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
            "log_flops": math.log(net_flops(stages, self.skeleton)),
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


def net_flops(stages: Sequence[Blocks], skeleton: Skeleton) -> int:
    """Returns the multiply-adds of the net for one sample."""
    channels = (skeleton.input_shape[2], *skeleton.widths)
    entries = sum(
        9 * a * b * area
        for (a, b), area in zip(itertools.pairwise(channels), skeleton.areas, strict=True)
    )
    blocks = sum(
        flops(name, width) * area
        for stage, width, area in zip(stages, skeleton.widths, skeleton.areas, strict=True)
        for name in stage
    )
    return entries + blocks + skeleton.widths[-1] * skeleton.outputs


def _working(stage: Blocks) -> Blocks:
    return tuple(name for name in stage if name != IDENTITY)


def _choices(parameter: Parameter) -> Blocks:
    return cast(Blocks, parameter.choices)


def _settled(stage: Blocks, places: Sequence[Parameter]) -> Blocks:
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
