"""The spaces for images, tables, texts and series: families of networks, each with its choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import keras

from nas_nb.data.preprocessing import Vocabulary
from nas_nb.data.task import Task
from nas_nb.space.search_space import SearchSpace
from nas_nb.spaces.ready_space import (
    Choices,
    ReadySpace,
    Tensor,
    read_counts,
    read_options,
    read_words,
    standardised,
)

if TYPE_CHECKING:
    from nas_nb.data.dataset import DataSpec
    from nas_nb.space.ranges import Interval

MOMENTUM = 0.9
"""Of batch normalisation: Keras's 0.99 needs hundreds of batches before validation means much."""
SMALLEST_HALVED = 4
CELLS = ("GRU", "LSTM")
ORDER_KERNEL = 3
"""Words that the convolution of a Transformer sees at once, to tell their order."""

IMAGE_FAMILIES = ("vgg", "residual", "inverted")
AUGMENTATIONS = ("none", "shift", "flip", "zoom", "rotation")
TABLE_FAMILIES = ("mlp", "residual")
ACTIVATIONS = ("relu", "gelu", "selu", "silu", "tanh")
TEXT_FAMILIES = ("embedding", "conv", "recurrent", "transformer")
SERIES_FAMILIES = ("tcn", "recurrent", "mlp")


def image(
    *,
    families: Sequence[str] = IMAGE_FAMILIES,
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
        IMAGE_FAMILIES, families, dropouts, learning_rates, options, expansion="inverted"
    )
    return SearchSpace(ImageSpace(parameters), name="image")


class ImageSpace(ReadySpace):
    """What `image` returns the space of."""

    name = "image"
    expected = "images of shape (height, width, channels)"

    def takes(self, spec: DataSpec) -> bool:
        """Says whether samples are images."""
        return len(spec.input_shape) == 3

    def features(self, point: Mapping[str, Any], spec: DataSpec, x: Tensor) -> Tensor:
        """Returns the mean of the last feature maps over all places."""
        high = spec.statistics.high if spec.statistics else 1.0
        if high > 1:
            x = keras.layers.Rescaling(1 / high)(x)
        for layer in _augmentation(point.get("augmentation", "none")):
            x = layer(x)
        family, width = point["family"], point["width"]
        size = point["kernel_size"]
        if family != "vgg":
            x = _convolved(x, width, size)
        for stage in range(point["stages"]):
            halve = stage > 0 and min(x.shape[1:3]) >= SMALLEST_HALVED
            for block in range(point["blocks"]):
                stride = 2 if halve and block == 0 else 1
                if family == "vgg":
                    x = _vgg(x, width << stage, size, stride)
                elif family == "residual":
                    x = _residual(x, width << stage, size, stride)
                else:
                    expansion = point["expansion"]
                    x = _inverted(x, width << stage, size, stride, expansion)
        return keras.layers.GlobalAveragePooling2D()(x)


def _augmentation(name: str) -> list[keras.layers.Layer]:
    layers = keras.layers
    if name == "shift":
        return [layers.RandomTranslation(0.1, 0.1, fill_mode="nearest")]
    if name == "flip":
        return [layers.RandomFlip("horizontal")]
    if name == "zoom":
        return [layers.RandomZoom(0.1, fill_mode="nearest")]
    return [layers.RandomRotation(0.1 / 3.6, fill_mode="nearest")] if name == "rotation" else []


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


def tabular(
    *,
    families: Sequence[str] = TABLE_FAMILIES,
    depths: Sequence[int] = (1, 2, 3),
    widths: Sequence[int] = (16, 32, 64, 128),
    activations: Sequence[str] = ("relu", "gelu"),
    dropouts: Sequence[float] | Interval = (0.0, 0.1, 0.3),
    learning_rates: Sequence[float] | Interval = (0.001, 0.003, 0.01),
) -> SearchSpace:
    """Returns a space of networks for tables.

    A model starts with a ``Normalization`` layer that knows the mean and variance of the training
    rows, and predicts quantities in their own units, so that it takes and returns raw numbers.
    Columns of categories come as 0 and 1 (`Data.from_frame`), which are left as they are;
    `nas_nb.with_raw_input` puts the look-up of their names in front of a trained model.

    - ``"mlp"``: dense layers in a row, all of one width.
    - ``"residual"``: a dense layer, then blocks that normalise, widen to twice the width, return
      to it and are added to their input (Gorishniy et al., 2021, section 3.2).

    Args:
        families: Which of the families to choose among.
        depths: How many layers or blocks.
        widths: Of the layers.
        activations: Among relu, gelu, selu, silu, tanh.
        dropouts: Shares dropped before the output layer.
        learning_rates: Of Adam.

    Raises:
        SpaceError: An option offers nothing, or something that can't be.
    """
    options = {
        "depth": read_counts("depths", depths),
        "width": read_counts("widths", widths),
        "activation": read_words("activations", activations, ACTIVATIONS),
    }
    parameters = read_options(TABLE_FAMILIES, families, dropouts, learning_rates, options)
    return SearchSpace(TabularSpace(parameters), name="tabular")


class TabularSpace(ReadySpace):
    """What `tabular` returns the space of."""

    name = "tabular"
    expected = "rows of numbers"

    def takes(self, spec: DataSpec) -> bool:
        """Says whether samples are rows of numbers."""
        return len(spec.input_shape) == 1 and not isinstance(spec.raw, Vocabulary)

    def features(self, point: Mapping[str, Any], spec: DataSpec, x: Tensor) -> Tensor:
        """Returns the last hidden layer."""
        layers = keras.layers
        x = standardised(x, spec)
        width, activation = point["width"], point["activation"]
        if point["family"] == "mlp":
            for _ in range(point["depth"]):
                x = layers.Dense(width, activation=activation)(x)
            return x
        x = layers.Dense(width)(x)
        for _ in range(point["depth"]):
            inner = layers.BatchNormalization(momentum=MOMENTUM)(x)
            inner = layers.Dense(2 * width, activation=activation)(inner)
            x = layers.Add()([x, layers.Dense(width)(inner)])
        return layers.Activation(activation)(layers.BatchNormalization(momentum=MOMENTUM)(x))


def text(
    *,
    families: Sequence[str] = TEXT_FAMILIES,
    embeddings: Sequence[int] = (16, 32, 64),
    widths: Sequence[int] = (16, 32, 64),
    kernel_sizes: Sequence[int] = (3, 5),
    cells: Sequence[str] = CELLS,
    heads: Sequence[int] = (1, 2, 4),
    blocks: Sequence[int] = (1, 2),
    dropouts: Sequence[float] | Interval = (0.0, 0.3),
    learning_rates: Sequence[float] | Interval = (0.001, 0.003, 0.01),
) -> SearchSpace:
    """Returns a space of networks for texts.

    Models take the token ids of `Data.from_texts`; `nas_nb.with_raw_input` puts the
    look-up of words in front of a trained one. Every family starts with an embedding.

    - ``"embedding"``: the mean of the embeddings (that of padding is learned, too), and a dense
      layer.
    - ``"conv"``: a convolution along the text, and its largest value in each channel (Kim, 2014).
    - ``"recurrent"``: a recurrent layer that reads the text in both directions.
    - ``"transformer"``: blocks of self-attention and a feed-forward layer, normalised first. The
      order of words comes in through a convolution before the first block, which needs no
      table of positions (Mohamed et al., 2019). Then the largest value in each channel.

    Args:
        families: Which of the families to choose among.
        embeddings: Numbers a word.
        widths: Of the layer after the embedding; in a Transformer, of its feed-forward layers.
        kernel_sizes: Of the convolution, in words.
        cells: Among ``"GRU"`` and ``"LSTM"``.
        heads: Of self-attention; each has ``embedding / heads`` numbers a word, 1 at least.
        blocks: Of a Transformer.
        dropouts: Shares dropped before the output layer.
        learning_rates: Of Adam.

    Raises:
        SpaceError: An option offers nothing, or something that can't be.
    """
    options = {
        "embedding": read_counts("embeddings", embeddings),
        "width": read_counts("widths", widths),
        "kernel_size": read_counts("kernel_sizes", kernel_sizes),
        "cell": read_words("cells", cells, CELLS),
        "heads": read_counts("heads", heads),
        "blocks": read_counts("blocks", blocks),
    }
    owners = {"kernel_size": "conv", "cell": "recurrent"}
    owners |= {"heads": "transformer", "blocks": "transformer"}
    parameters = read_options(TEXT_FAMILIES, families, dropouts, learning_rates, options, **owners)
    return SearchSpace(TextSpace(parameters), name="text")


class TextSpace(ReadySpace):
    """What `text` returns the space of."""

    name = "text"
    expected = "texts (see nas.Data.from_texts)"

    def takes(self, spec: DataSpec) -> bool:
        """Says whether samples are token ids of texts."""
        return isinstance(spec.raw, Vocabulary)

    def features(self, point: Mapping[str, Any], spec: DataSpec, x: Tensor) -> Tensor:
        """Returns what the network makes of the whole text."""
        layers = keras.layers
        family, width = point["family"], point["width"]
        size = cast("Vocabulary", spec.raw).size
        # Convolutions know no masks, and the masked mean of an empty text is 0 / 0.
        x = layers.Embedding(size, point["embedding"], mask_zero=family == "recurrent")(x)
        if family == "conv":
            x = layers.Conv1D(width, point["kernel_size"], padding="same", activation="relu")(x)
            return layers.GlobalMaxPooling1D()(x)
        if family == "recurrent":
            cell = getattr(layers, point["cell"])
            return layers.Bidirectional(cell(width))(x)
        if family == "transformer":
            return layers.GlobalMaxPooling1D()(_transformer(point, x))
        return layers.Dense(width, activation="relu")(layers.GlobalAveragePooling1D()(x))


def _transformer(point: Mapping[str, Any], x: Tensor) -> Tensor:
    layers = keras.layers
    size, heads = point["embedding"], point["heads"]
    x = layers.Add()([x, layers.Conv1D(size, ORDER_KERNEL, padding="same")(x)])
    for _ in range(point["blocks"]):
        inner = layers.LayerNormalization()(x)
        attention = layers.MultiHeadAttention(heads, max(1, size // heads))
        x = layers.Add()([x, attention(inner, inner)])
        inner = layers.LayerNormalization()(x)
        inner = layers.Dense(point["width"], activation="gelu")(inner)
        x = layers.Add()([x, layers.Dense(size)(inner)])
    return layers.LayerNormalization()(x)


def timeseries(
    *,
    families: Sequence[str] = SERIES_FAMILIES,
    depths: Sequence[int] = (1, 2, 3),
    widths: Sequence[int] = (8, 16, 32),
    kernel_sizes: Sequence[int] = (2, 3),
    cells: Sequence[str] = CELLS,
    dropouts: Sequence[float] | Interval = (0.0, 0.2),
    learning_rates: Sequence[float] | Interval = (0.001, 0.003, 0.01),
) -> SearchSpace:
    """Returns a space of networks for windows of series, to forecast or to classify them.

    A model starts with a ``Normalization`` layer that knows the mean and variance of each channel
    in the training part, and forecasts in the series' own units, so that it takes and returns raw
    numbers.

    - ``"tcn"``: residual blocks of two causal convolutions whose dilation doubles from block to
      block (Bai et al., 2018). A forecast reads the last step, a class the mean over all.
    - ``"recurrent"``: layers of recurrent cells.
    - ``"mlp"``: dense layers over the whole window.

    Args:
        families: Which of the families to choose among.
        depths: How many blocks or layers.
        widths: Channels, or units, of each.
        kernel_sizes: Of the convolutions, in time steps.
        cells: Among ``"GRU"`` and ``"LSTM"``.
        dropouts: Shares dropped before the output layer.
        learning_rates: Of Adam.

    Raises:
        SpaceError: An option offers nothing, or something that can't be.
    """
    options = {
        "depth": read_counts("depths", depths),
        "width": read_counts("widths", widths),
        "kernel_size": read_counts("kernel_sizes", kernel_sizes),
        "cell": read_words("cells", cells, CELLS),
    }
    owners = {"kernel_size": "tcn", "cell": "recurrent"}
    parameters = read_options(
        SERIES_FAMILIES, families, dropouts, learning_rates, options, **owners
    )
    return SearchSpace(TimeSeriesSpace(parameters), name="timeseries")


class TimeSeriesSpace(ReadySpace):
    """What `timeseries` returns the space of."""

    name = "timeseries"
    expected = "windows of shape (time, channels)"

    def takes(self, spec: DataSpec) -> bool:
        """Says whether samples are windows of series."""
        return len(spec.input_shape) == 2

    def features(self, point: Mapping[str, Any], spec: DataSpec, x: Tensor) -> Tensor:
        """Returns what the network makes of the whole window."""
        x = standardised(x, spec)
        depth, width = point["depth"], point["width"]
        if point["family"] == "tcn":
            for block in range(depth):
                x = _causal_block(x, width, point["kernel_size"], 2**block)
            if spec.task == Task.FORECASTING:
                return keras.layers.Flatten()(keras.layers.Cropping1D((x.shape[1] - 1, 0))(x))
            return keras.layers.GlobalAveragePooling1D()(x)
        if point["family"] == "recurrent":
            cell = getattr(keras.layers, point["cell"])
            for layer in range(depth):
                x = cell(width, return_sequences=layer < depth - 1)(x)
            return x
        x = keras.layers.Flatten()(x)
        for _ in range(depth):
            x = keras.layers.Dense(width, activation="relu")(x)
        return x


def _causal_block(x: Tensor, width: int, size: int, dilation: int) -> Tensor:
    layers = keras.layers
    past = x if x.shape[-1] == width else layers.Conv1D(width, 1)(x)
    for _ in range(2):
        x = layers.Conv1D(width, size, padding="causal", dilation_rate=dilation, activation="relu")(
            x
        )
    return layers.Add()([x, past])
