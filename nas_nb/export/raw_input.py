"""A trained model that takes texts or a table's own values in place of the numbers for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import keras
import numpy as np

from nas_nb.data.dataset import Data, DataSpec
from nas_nb.data.preprocessing import Standardization, Table, Vocabulary
from nas_nb.errors import SpaceError, check_type

if TYPE_CHECKING:
    from nas_nb.data.preprocessing import Column
    from nas_nb.data.task import Array


def with_raw_input(model: keras.Model, data: Data | DataSpec) -> keras.Model:
    """Returns a model with the same weights that takes the samples as the user had them.

    Text and names of categories can't go through a compiled training, so `Data` turns them into
    numbers once, and the layers that do the same are put in front of the model for its use.

    Args:
        model: A trained model for the data.
        data: The data that it was trained on, or its spec.

    Returns:
        For texts, a model of strings of shape (samples, 1). For a data frame with categories, a
        model of a dictionary: for each column an array of shape (samples, 1), of strings where
        it holds categories. For a table whose numbers were standardised, a model of the numbers
        as they were, which also predicts quantities in their own units. Anything else is as it
        was: the model itself.

    Raises:
        SpaceError: The model is not for this data; or it is to take texts or names, which Keras
            can look up with TensorFlow alone.
    """
    spec = data.spec if isinstance(data, Data) else data
    check_type("model", model, keras.Model, "a trained keras.Model", error=SpaceError)
    check_type("data", spec, DataSpec, "a nas.Data, or its spec", error=SpaceError)
    if tuple(model.input_shape[1:]) != spec.input_shape:
        raise SpaceError(
            f"Expected a model for samples of shape {spec.input_shape}. Received: one for "
            f"{tuple(model.input_shape[1:])}. Pass the data that it was trained on."
        )
    if isinstance(spec.raw, Standardization):
        return _of_numbers(model, spec)
    if spec.raw is not None and keras.backend.backend() != "tensorflow":
        raise SpaceError(
            "Expected Keras on TensorFlow for a model that takes texts or names of categories. "
            f"Received: the backend {keras.backend.backend()!r}. Give the model numbers, from "
            "data.raw."
        )
    if isinstance(spec.raw, Vocabulary):
        inputs = keras.Input((1,), dtype="string", name="text")
        return keras.Model(inputs, model(_tokens(spec.raw)(inputs)))
    if isinstance(spec.raw, Table):
        columns = {column.name: _input(column) for column in spec.raw.columns}
        parts = [_numbers(column, columns[column.name]) for column in spec.raw.columns]
        joined = parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
        return keras.Model(columns, model(joined))
    return model


def _of_numbers(model: keras.Model, spec: DataSpec) -> keras.Model:
    """Returns the model between the layers that standardise its input and undo it behind."""
    scale = cast("Standardization", spec.raw).statistics
    inputs = keras.Input(spec.input_shape)
    front = keras.layers.Normalization(mean=list(scale.mean), variance=list(scale.variance))
    outputs = model(front(inputs))
    if scale.target_mean:
        deviation, mean = list(scale.target_deviation), list(scale.target_mean)
        outputs = keras.layers.Rescaling(deviation, mean)(outputs)
    return keras.Model(inputs, outputs)


def _tokens(vocabulary: Vocabulary) -> keras.layers.Layer:
    return keras.layers.TextVectorization(
        output_sequence_length=vocabulary.length, vocabulary=list(vocabulary.words)
    )


def _input(column: Column) -> keras.KerasTensor:
    name = column.name.replace("/", "_")  # the one character that Keras doesn't allow
    return keras.Input((1,), dtype="string" if column.categories else "float32", name=name)


def _numbers(column: Column, x: keras.KerasTensor) -> keras.KerasTensor:
    if column.fill is not None:
        gap = keras.ops.isnan(x)
        filled = keras.ops.where(gap, column.fill, x)
        return keras.layers.Concatenate()([filled, keras.ops.cast(gap, "float32")])
    if not column.categories:
        return x
    look_up = keras.layers.StringLookup(
        vocabulary=list(column.categories), num_oov_indices=1, output_mode="one_hot"
    )
    return look_up(x)


def raw_samples(numbers: Array, data: Data) -> Any:
    """Returns samples that such a model takes, made back from the numbers of `data`."""
    if isinstance(data.raw, Vocabulary):
        words = ("", "[UNK]", *data.raw.words)
        texts = [" ".join(words[token] for token in row if token) for row in numbers]
        return keras.ops.convert_to_tensor(np.array(texts, dtype=object)[:, np.newaxis])
    if isinstance(data.raw, Standardization):
        scale = data.raw.statistics
        return np.asarray(numbers * np.sqrt(scale.variance) + np.array(scale.mean), "float32")
    if not isinstance(data.raw, Table):
        return numbers
    columns, at = {}, 0
    for column in data.raw.columns:
        part = numbers[:, at : at + column.width]
        at += column.width
        values: Any = part[:, :1].astype("float32")
        if column.categories:
            names = np.array(["[other]", *column.categories], dtype=object)
            values = keras.ops.convert_to_tensor(names[part.argmax(axis=1)][:, np.newaxis])
        columns[column.name.replace("/", "_")] = values
    return columns
