"""The blocks of a macro space: what each is in Keras, and what it costs.

Every block keeps the shape of its input, so that any may follow any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

IDENTITY = "identity"


@dataclass(frozen=True)
class Block:
    """How a block is built.

    Attributes:
        side: Side of its spatial kernel.
        expansion: How many times wider an inverted residual is inside; 0 for plain convolutions.
        depth: How many plain convolutions.
        residual: Whether the input is added to the result.
    """

    side: int
    expansion: int = 0
    depth: int = 1
    residual: bool = True


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
    return _settled(x, active)


def params(name: str, width: int) -> int:
    """Returns how many weights the block has at that width, as Keras counts."""
    block = BLOCKS[name]
    if block is None:
        return 0
    if not block.expansion:
        return block.depth * (block.side**2 * width + 4) * width
    inner = block.expansion * width
    return 2 * width * inner + block.side**2 * inner + 4 * (2 * inner + width)


def flops(name: str, width: int) -> int:
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
    return normalised(_settled(x, active=True), width, 1, active=False)


def _settled(x: Any, active: bool) -> Any:
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    return keras.layers.Activation("relu")(x) if active else x
