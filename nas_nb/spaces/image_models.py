"""Spaces for images: VGG-like chains, residual networks, inverted residual networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import keras

from nas_nb.space.search_space import SearchSpace
from nas_nb.spaces.ready_space import (
    Choices,
    ReadySpace,
    Tensor,
    read_counts,
    read_options,
    read_words,
)

if TYPE_CHECKING:
    from nas_nb.data.dataset import DataSpec
    from nas_nb.record.trial import Values
    from nas_nb.space.ranges import Interval

FAMILIES = ("vgg", "residual", "inverted")
AUGMENTATIONS = ("none", "shift", "flip", "zoom", "rotation")
SMALLEST_HALVED = 4
MOMENTUM = 0.9
"""Of batch normalisation: Keras's 0.99 needs hundreds of batches before validation means much."""


def image(
    *,
    families: Sequence[str] = FAMILIES,
    stages: Sequence[int] = (1, 2, 3),
    blocks: Sequence[int] = (1, 2),
    widths: Sequence[int] = (8, 16, 32),
    kernel_sizes: Sequence[int] = (3, 5),
    expansions: Sequence[int] = (2, 4),
    augmentations: Sequence[str] = ("none",),
    dropouts: Sequence[float] | Interval = (0.0, 0.25, 0.5),
    learning_rates: Sequence[float] | Interval = (0.001, 0.003),
) -> SearchSpace:
    """Returns a space of convolutional networks.

    A network is `stages` of `blocks`; each stage but the first starts by halving the image, while
    its shorter side is at least 4, and is twice as wide as the one before. It ends in the mean
    over all places.

    - ``"vgg"``: a block is a convolution (Simonyan and Zisserman, 2015).
    - ``"residual"``: two convolutions and the block's input added (He et al., 2016).
    - ``"inverted"``: a 1x1 convolution that widens by the expansion, a depthwise one, a linear 1x1
      one, and the input added where sizes agree (Sandler et al., 2018).

    Pixels of more than 1 are divided by the largest value that pixels have (255 in a byte), and
    augmentation is part of the model, too: it acts in training only. So a model takes images as
    they are.

    Args:
        families: Which of the families to choose among.
        stages: How many stages, 1 or more.
        blocks: Blocks a stage.
        widths: Channels of the first stage.
        kernel_sizes: Sides of the convolutions.
        expansions: Of the inverted blocks.
        augmentations: Among ``"none"``, ``"shift"`` (by up to a tenth), ``"flip"`` (left to
            right), ``"zoom"`` and ``"rotation"`` (by up to a tenth).
        dropouts: Shares dropped before the output layer.
        learning_rates: Of Adam.

    Raises:
        SpaceError: An option offers nothing, or something that can't be.
    """
    options: dict[str, Choices] = {
        "stages": read_counts("stages", stages),
        "blocks": read_counts("blocks", blocks),
        "width": read_counts("widths", widths),
        "kernel_size": read_counts("kernel_sizes", kernel_sizes),
        "expansion": read_counts("expansions", expansions),
    }
    augmented = read_words("augmentations", augmentations, AUGMENTATIONS)
    if augmented != ("none",):
        options["augmentation"] = augmented
    parameters = read_options(
        FAMILIES, families, dropouts, learning_rates, options, expansion="inverted"
    )
    return SearchSpace(ImageSpace(parameters), name="image")


class ImageSpace(ReadySpace):
    """What `image` returns the space of."""

    name: ClassVar[str] = "image"
    expected: ClassVar[str] = "images of shape (height, width, channels)"

    def takes(self, spec: DataSpec) -> bool:
        """Says whether samples are images."""
        return len(spec.input_shape) == 3

    def features(self, point: Values, spec: DataSpec, x: Tensor) -> Tensor:
        """Returns the mean of the last feature maps over all places."""
        high = spec.statistics.high if spec.statistics else 1.0
        if high > 1:
            x = keras.layers.Rescaling(1 / high)(x)
        for layer in _augmentation(str(point.get("augmentation", "none"))):
            x = layer(x)
        family, width = point["family"], cast("int", point["width"])
        size = cast("int", point["kernel_size"])
        if family != "vgg":
            x = _convolved(x, width, size)
        for stage in range(cast("int", point["stages"])):
            halve = stage > 0 and min(x.shape[1:3]) >= SMALLEST_HALVED
            for block in range(cast("int", point["blocks"])):
                stride = 2 if halve and block == 0 else 1
                if family == "vgg":
                    x = _vgg(x, width << stage, size, stride)
                elif family == "residual":
                    x = _residual(x, width << stage, size, stride)
                else:
                    expansion = cast("int", point["expansion"])
                    x = _inverted(x, width << stage, size, stride, expansion)
        return keras.layers.GlobalAveragePooling2D()(x)


def _augmentation(name: str) -> list[Any]:
    layers = keras.layers
    table = {
        "shift": lambda: [layers.RandomTranslation(0.1, 0.1, fill_mode="nearest")],
        "flip": lambda: [layers.RandomFlip("horizontal")],
        "zoom": lambda: [layers.RandomZoom(0.1, fill_mode="nearest")],
        "rotation": lambda: [layers.RandomRotation(0.1 / 3.6, fill_mode="nearest")],
    }
    return table[name]() if name in table else []


def _vgg(x: Tensor, width: int, size: int, stride: int) -> Tensor:
    if stride > 1:
        x = keras.layers.MaxPooling2D(stride)(x)
    return _convolved(x, width, size)


def _convolved(
    x: Tensor, width: int, size: int, stride: int = 1, *, linear: bool = False
) -> Tensor:
    x = keras.layers.Conv2D(width, size, stride, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM)(x)
    return x if linear else keras.layers.Activation("relu")(x)


def _residual(x: Tensor, width: int, size: int, stride: int) -> Tensor:
    past = x
    if stride > 1 or x.shape[-1] != width:
        past = _convolved(x, width, 1, stride, linear=True)
    x = _convolved(x, width, size, stride)
    x = _convolved(x, width, size, linear=True)
    return keras.layers.Activation("relu")(keras.layers.Add()([x, past]))


def _inverted(x: Tensor, width: int, size: int, stride: int, expansion: int) -> Tensor:
    past = x
    x = _convolved(x, expansion * x.shape[-1], 1)
    x = keras.layers.DepthwiseConv2D(size, stride, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM)(x)
    x = keras.layers.Activation("relu6")(x)
    x = _convolved(x, width, 1, linear=True)
    return keras.layers.Add()([x, past]) if x.shape == past.shape else x
