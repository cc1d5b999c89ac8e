"""Samples as a user has them: as a model's numbers, and a model that takes them itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import keras
import numpy as np

from nas_nb.data.dataset import Data, DataSpec
from nas_nb.data.preprocessing import (
    FIRST_WORD,
    MOST_CATEGORIES,
    Standardization,
    Table,
    Vocabulary,
    check_texts,
    frame_columns,
    is_missing,
)
from nas_nb.data.readers import plain_array
from nas_nb.data.task import Task
from nas_nb.errors import DataError, SpaceError, check_type, shown, tell

if TYPE_CHECKING:
    from nas_nb.data.preprocessing import Array, Column


def model_input(x: Any, data: Data) -> Array:
    """Returns samples as the numbers that a model of the data takes, (samples, ...).

    Warns of categories that no training row had, and of texts without a known word.

    Args:
        x: Such numbers; or a data frame, columns by name, or texts as `data` was made of.
        data: What the model was trained on.

    Raises:
        DataError: They are no samples of this data, or hold NaN.
    """
    named = hasattr(x, "columns") or isinstance(x, dict)
    if isinstance(data.raw, Table) and named:
        given = frame_columns(x, learn=False) if hasattr(x, "columns") else x
        columns = {str(name): np.atleast_1d(values) for name, values in given.items()}
        numbers = data.raw.numbers(columns)
        gaps = data.raw.gaps(numbers)
        if gaps:
            raise DataError(
                f"Expected finite numbers in the columns of x. Received: missing or infinite ones "
                f"in {', '.join(map(repr, gaps))}, which had none in training. Fill them in or "
                "drop those rows."
            )
        if new := "; ".join(_new_categories(columns, numbers, data.raw, data.x_train)):
            tell(f"x has categories that no training row had, which a model can't know: {new}.")
    elif isinstance(data.raw, Vocabulary) and _are_texts(x):
        numbers = data.raw.tokens(check_texts(np.ravel(np.asarray(x, object)).tolist()))
        if blank := np.flatnonzero((numbers < FIRST_WORD).all(axis=1)).tolist():
            tell(
                f"{len(blank)} of {len(numbers)} texts have no word that the training texts had, "
                f"the first in row {blank[0]}: what is predicted for them tells nothing."
            )
    else:
        numbers = plain_array("x", x.to_numpy() if hasattr(x, "to_numpy") else x)
        if isinstance(data.raw, Standardization) and named and numbers.dtype.kind in "biuf":
            numbers = data.raw.numbers(numbers)
    wanted = data.spec.input_shape
    if numbers.shape[:1] == (0,):
        raise DataError(f"Expected at least one row in x. Received: {type(x).__name__} of no rows.")
    if numbers.dtype.kind not in "biuf" or numbers.shape[1:] != wanted:
        raise DataError(
            f"Expected samples of shape (samples, {', '.join(map(str, wanted))}){_or_raw(data)}. "
            f"Received: {type(x).__name__} of shape {numbers.shape}."
        )
    if not np.isfinite(numbers).all():
        raise DataError(
            "Expected finite numbers in x. Received: NaN or infinite ones. Fill them in."
        )
    return numbers.astype("float32") if numbers.dtype.kind == "f" else numbers


_NAMED = 3


def _new_categories(
    columns: dict[str, Array], numbers: Array, table: Table, trained: Array
) -> Iterator[str]:
    """Yields columns with their values that are read as "other", where no training row was."""
    place = 0
    for column in table.columns:
        if column.categories:
            # Beyond the kept ones there were rare ones in training, if any row was "other".
            others = bool(trained[:, place].any())
            rare = others and len(column.categories) == MOST_CATEGORIES
            values = columns[column.name][numbers[:, place] > 0].tolist()
            read = [value for value in values if not (others if is_missing(value) else rare)]
            new = ["a gap" if is_missing(value) else shown(value) for value in read]
            if new:
                kinds = list(dict.fromkeys(new))
                more = f" and {len(kinds) - _NAMED} more" if len(kinds) > _NAMED else ""
                yield f"'{column.name}': {', '.join(kinds[:_NAMED])}{more} ({len(new)} rows)"
        place += column.width


def _are_texts(x: Any) -> bool:
    return isinstance(x, str) or np.asarray(x).dtype.kind in "OU"


def _or_raw(data: Data) -> str:
    if isinstance(data.raw, Vocabulary):
        return ", or texts"
    return ", or a data frame with the columns of the data" if isinstance(data.raw, Table) else ""


def model_outputs(model: keras.Model, x: Array, batch_size: int = 256) -> Array:
    """Returns a model's outputs; TensorFlow warns of `predict`, which is traced for each model."""
    starts = range(0, len(x), batch_size)
    parts = [model(x[start : start + batch_size], training=False) for start in starts]
    return np.concatenate([keras.ops.convert_to_numpy(part) for part in parts])


def in_own_units(outputs: Array, x: Any, data: Data) -> Array:
    """Returns predicted quantities in the units of the data frame that was given, if one was."""
    if isinstance(data.raw, Standardization) and hasattr(x, "columns"):
        return data.raw.quantities(outputs)
    return outputs


def class_names(outputs: Array, data: Data, model: keras.Model) -> Any:
    """Returns the classes that a model's outputs stand for, as the labels came: names or numbers.

    Args:
        outputs: (samples, outputs) probabilities, or logits where the model's loss takes these.
        data: What the model was trained on.
        model: Says by its loss whether the outputs are logits.

    Returns:
        (samples,) classes; a list of tuples of names where a sample has several labels.
    """
    names = np.array(data.classes) if data.class_values is None else data.class_values
    limit = 0.0 if getattr(model.loss, "from_logits", False) else 0.5
    if data.task == Task.MULTILABEL:
        return [tuple(names[row > limit].tolist()) for row in outputs]
    if outputs.shape[-1] == 1:
        return names[(outputs[:, 0] > limit).astype(int)]
    return cast("Array", names[outputs.argmax(axis=-1)])


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
