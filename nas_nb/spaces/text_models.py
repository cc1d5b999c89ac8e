"""Spaces for texts: mean embeddings, convolutions, recurrent networks, small Transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

import keras

from nas_nb.data.preprocessing import Vocabulary
from nas_nb.space.search_space import SearchSpace
from nas_nb.spaces.ready_space import (
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

FAMILIES = ("embedding", "conv", "recurrent", "transformer")
CELLS = ("GRU", "LSTM")
POSITIONS = 3
"""Words that the convolution of a Transformer sees at once, to tell their order."""


def text(
    *,
    families: Sequence[str] = FAMILIES,
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
    parameters = read_options(FAMILIES, families, dropouts, learning_rates, options, **owners)
    return SearchSpace(TextSpace(parameters), name="text")


class TextSpace(ReadySpace):
    """What `text` returns the space of."""

    name: ClassVar[str] = "text"
    expected: ClassVar[str] = "texts (see nas.Data.from_texts)"

    def takes(self, spec: DataSpec) -> bool:
        """Says whether samples are token ids of texts."""
        return isinstance(spec.raw, Vocabulary)

    def features(self, point: Values, spec: DataSpec, x: Tensor) -> Tensor:
        """Returns what the network makes of the whole text."""
        layers = keras.layers
        family, width = point["family"], cast("int", point["width"])
        size = cast("Vocabulary", spec.raw).size
        # Convolutions know no masks, and the masked mean of an empty text is 0 / 0.
        x = layers.Embedding(size, point["embedding"], mask_zero=family == "recurrent")(x)
        if family == "conv":
            x = layers.Conv1D(width, point["kernel_size"], padding="same", activation="relu")(x)
            return layers.GlobalMaxPooling1D()(x)
        if family == "recurrent":
            cell = getattr(layers, str(point["cell"]))
            return layers.Bidirectional(cell(width))(x)
        if family == "transformer":
            return layers.GlobalMaxPooling1D()(_transformer(point, x))
        return layers.Dense(width, activation="relu")(layers.GlobalAveragePooling1D()(x))


def _transformer(point: Values, x: Tensor) -> Tensor:
    layers = keras.layers
    size, heads = cast("int", point["embedding"]), cast("int", point["heads"])
    x = layers.Add()([x, layers.Conv1D(size, POSITIONS, padding="same")(x)])
    for _ in range(cast("int", point["blocks"])):
        inner = layers.LayerNormalization()(x)
        attention = layers.MultiHeadAttention(heads, max(1, size // heads))
        x = layers.Add()([x, attention(inner, inner)])
        inner = layers.LayerNormalization()(x)
        inner = layers.Dense(point["width"], activation="gelu")(inner)
        x = layers.Add()([x, layers.Dense(size)(inner)])
    return layers.LayerNormalization()(x)
