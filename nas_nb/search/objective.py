"""Candidates checked against objective and data: what they log, their head, the scales."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner as kt
import numpy as np

from nas_nb.data.preprocessing import Table, Vocabulary
from nas_nb.data.task import Task
from nas_nb.errors import NasError, SearchError, nearest, tell
from nas_nb.space.chain_space import ChainSpace
from nas_nb.space.definition import fresh_names, reshape_advice
from nas_nb.strategy.evolution import COSTS

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.data.preprocessing import Array
    from nas_nb.space.search_space import SearchSpace

_KNOWN = ("val_accuracy", "val_loss", "val_mae", "val_mse", "val_auc")
_OF_TRAINING = (
    *("loss", "accuracy", "acc", "binary_accuracy", "sparse_categorical_accuracy", "mae", "mse"),
    *("categorical_accuracy", "mean_absolute_error", "mean_squared_error"),
)
_LOGGING = ("fit", "train_step", "test_step", "compute_metrics", "get_metrics_result")
_QUANTITY_LOSSES = (
    *("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error"),
    *("mean_squared_logarithmic_error", "huber", "log_cosh"),
)


def split_objectives(given: Any) -> tuple[Any, tuple[str, ...]]:
    """Returns what is scored, and the costs that are minimised beside it, of one or several."""
    if isinstance(given, str) and "," in given:
        given = [name.strip() for name in given.split(",")]
    if not isinstance(given, list | tuple):
        return given, ()
    named = [(str(getattr(one, "name", one)), one) for one in given]
    scored = [one for name, one in named if name not in COSTS]
    costs = [name for name, _ in named if name in COSTS]
    maximised = any(getattr(one, "direction", "min") != "min" for n, one in named if n in COSTS)
    if len(scored) != 1 or len({*costs}) < len(costs) or maximised:
        raise SearchError(
            "Expected one objective that the candidates log, and costs to minimise beside it, each "
            f"once, of {', '.join(COSTS)}. Received: objective={given!r}. For example "
            "objective=['val_accuracy', 'params']."
        )
    return scored[0], tuple(costs)


def as_objective(
    objective: str | kt.Objective | None, data: Data, space: SearchSpace | None = None
) -> kt.Objective:
    """Returns KerasTuner's objective; by default one that suits the task."""
    if objective is not None and not isinstance(objective, str | kt.Objective):
        raise SearchError(
            f"Expected `objective` to be a name such as 'val_accuracy' or a `kt.Objective`. "
            f"Received: objective={objective!r}."
        )
    name = (
        data.usual_objective[0] if objective is None else str(getattr(objective, "name", objective))
    )
    logged = None
    if space is not None:
        own = space.definition.code is not space.definition  # a `build` of the user's
        if own or objective is not None:
            model = _candidate(space)
            if own and model is not None:
                check_suits(model, data)
            logged = None if model is None else _logged(model, data)
            _check_logged(name, logged, given=objective is not None)
    if objective is None:
        return kt.Objective(*data.usual_objective)
    return objective if isinstance(objective, kt.Objective) else _directed(objective, logged)


def _directed(name: str, logged: list[str] | None) -> kt.Objective:
    direction = kt.engine.metrics_tracking.infer_metric_direction(name)
    if direction is None:
        near = "" if logged else nearest(name, _KNOWN)  # candidates do log it
        raise SearchError(
            f"Expected an objective of which Keras knows whether a higher one is better. Received: "
            f"objective={name!r}.{near} Say it: objective=keras_tuner.Objective('{name}', 'max'), "
            "or 'min'."
        )
    return kt.Objective(name, direction)


def _check_logged(name: str, logged: list[str] | None, *, given: bool) -> None:
    """Refuses now what would fail in the first trial, or reward learning by heart."""
    trained = f"`{name}` is measured on the rows that a candidate was trained on"
    if f"val_{name}" in (logged or ["val_loss"]):
        raise SearchError(
            f"Expected an objective that is measured on the validation rows, 'val_{name}'. "
            f"Received: objective={name!r}. {trained}."
        )
    if logged is None:
        if name in _OF_TRAINING:
            tell(f"{trained}, unless `fit` is your own; 'val_{name}' on the validation rows.")
    elif name not in logged:
        received = f"objective={name!r}" if given else f"none, and the default is {name!r}"
        remedy = f" Give one with `objective`, or add metrics=['{name.removeprefix('val_')}']."
        raise SearchError(
            f"Expected an objective that the candidates log: {', '.join(logged)}. "
            f"Received: {received}.{_nearest_logged(name, logged) if given else remedy}"
        )


def _nearest_logged(name: str, logged: list[str]) -> str:
    """Returns a hint at the name on validation rows that is meant, or at how it is logged."""
    metric = name.removeprefix("val_").lower()
    validated = [each for each in logged if each.startswith("val_")]
    same = f"val_{metric}" in [each.lower() for each in validated]
    if not same and metric not in _OF_TRAINING and _is_metric(metric):
        ways = "in nas.Data, or where a build function compiles"
        return f" Did you mean 'val_{metric}'? Candidates log it with metrics=['{metric}'] {ways}."
    return nearest(f"val_{metric}", validated)


def _is_metric(name: str) -> bool:
    with suppress(ValueError):
        return callable(keras.metrics.get(name))
    return False


def warn_of_training_rows(objective: Any, logs: Collection[str]) -> None:
    """Warns where a tuner's objective is measured on the rows that a candidate was trained on."""
    validated = any(name.startswith("val_") for name in logs)
    names = [one.name for one in getattr(objective, "objectives", [objective])]
    trained = [
        name
        for name in names
        if f"val_{name}" in logs or (not validated and name in logs and name in _OF_TRAINING)
    ]
    if trained:
        rows = "" if validated else ", with validation_data=(x, y) or validation_split="
        tell(
            f"objective={' and '.join(map(repr, trained))} is measured on the rows that a "
            "candidate was trained on: what learns them by heart wins. On held-out rows it is "
            f"measured by objective={' and '.join(repr(f'val_{name}') for name in trained)}{rows}."
        )


def logged_metrics(space: SearchSpace, data: Data) -> list[str] | None:
    """Returns the names in the logs of the candidates, or None where only training them tells."""
    model = _candidate(space)
    return None if model is None else _logged(model, data)


def _candidate(space: SearchSpace) -> keras.Model | None:
    """Returns the model of the default values, without weights; None where it can't be made."""
    try:
        with fresh_names():
            return space.architecture(space.domain.complete({})).symbolic_model()
    except NasError:
        raise
    except Exception:  # noqa: BLE001 - whatever a candidate raises is its trial's reason
        return None


def _logged(model: keras.Model, data: Data) -> list[str] | None:
    if any(getattr(type(model), own) is not getattr(keras.Model, own) for own in _LOGGING):
        return None
    if len(getattr(model, "outputs", None) or ()) != 1:
        return None
    try:
        # Keras names a metric when it meets the first batch.
        model._symbolic_build(data_batch=(data.x_train[:2], data.y_train[:2]))
        measures = [metric.name for metric in getattr(model._compile_metrics, "metrics", ())]
    except Exception:  # noqa: BLE001 - likewise
        return None
    names = ["loss", *measures]
    return [*names, *(f"val_{name}" for name in names)]


def check_suits(model: keras.Model, data: Data) -> None:
    """Checks that a model's output and loss are those of the data's task, as far as Keras knows."""
    shape = getattr(model, "output_shape", None)
    loss = _loss_name(getattr(model, "loss", None))
    if not isinstance(shape, tuple) or len(shape) != 2 or loss is None:
        return
    activation = _activation(model)
    if data.task.has_quantities:
        wrong = _contradicts_quantities(data, shape[1], loss, activation)
        remedy = f"Dense({data.spec.outputs}) and the loss 'mse'"
        other = "task='multiclass' (or 'binary')"
    else:
        wrong = _contradicts_classes(data, shape[1], loss, activation)
        remedy = _CLASS_HEADS[data.task].format(outputs=data.spec.outputs)
        other = "task='regression'"
    if wrong:
        outputs = f"{shape[1]} {activation or ''} output{'s' if shape[1] != 1 else ''}"
        raise SearchError(
            f"Expected a model for the data's task, {data.task} of {data.targets}. Received: "
            f"{' '.join(outputs.split())} and the loss {loss}. End the model with {remedy}, or "
            f"give {other} to nas.Data if that is what y holds."
        )


_CLASS_HEADS = {
    Task.BINARY: "Dense(1, activation='sigmoid') and the loss 'binary_crossentropy'",
    Task.MULTICLASS: "Dense({outputs}, activation='softmax') and the loss "
    "'sparse_categorical_crossentropy' (the labels are class numbers)",
    Task.MULTILABEL: "Dense({outputs}, activation='sigmoid') and the loss 'binary_crossentropy'",
}


def _contradicts_quantities(data: Data, outputs: int, loss: str, activation: str | None) -> bool:
    if activation == "softmax" or "categorical_crossentropy" in loss:
        return True
    if loss == "binary_crossentropy" or activation == "sigmoid":
        return bool(data.y_train.min() < 0 or data.y_train.max() > 1)
    return loss in _QUANTITY_LOSSES and outputs != data.spec.outputs


def _contradicts_classes(data: Data, outputs: int, loss: str, activation: str | None) -> bool:
    if loss in _QUANTITY_LOSSES and activation == "linear":
        return True
    if data.task == Task.MULTICLASS:
        return outputs < len(data.classes) or loss == "categorical_crossentropy"
    return data.task == Task.MULTILABEL and outputs != len(data.classes)


def _loss_name(loss: Any) -> str | None:
    """Returns Keras's name of a loss of its own; None for any other."""
    with suppress(ValueError, TypeError):
        loss = keras.losses.get(loss)
        loss = getattr(loss, "fn", loss)
        if getattr(loss, "__module__", "").startswith("keras."):
            return str(getattr(loss, "__name__", type(loss).__name__))
    return None


def _activation(model: keras.Model) -> str | None:
    """Returns the name of the activation that a model of layers ends with; None if unknown."""
    with suppress(AttributeError, IndexError):
        last = model.outputs[0]._keras_history.operation
        return str(last.activation.__name__)
    return None


FAR = 50
"""Numbers are far from 1 where they usually are above this, or below its inverse."""

_MOST_NUMBERS = 1_000_000  # of so many it is read what they usually are
_RARE = 0.05  # as marks of rare words, or pixels of the margin
_PASSING = (
    *("InputLayer", "Flatten", "Reshape", "Permute", "Dropout", "SpatialDropout", "Gaussian"),
    *("Random", "ZeroPadding", "MaxPooling", "AveragePooling", "Global", "Masking"),
)
_WEIGHING = (
    *("Dense", "EinsumDense", "Conv", "SeparableConv", "DepthwiseConv", "LSTM", "GRU", "RNN"),
    *("SimpleRNN", "Bidirectional", "TimeDistributed"),
)
_READY = {1: "tabular", 2: "timeseries", 3: "image"}  # by the rank of a sample


def warn_of_left_out(space: SearchSpace, bound: SearchSpace, data: Data) -> None:
    """Warns of convolutions that a dictionary names and samples without channels can't take."""
    shape, asked = data.spec.input_shape, _layer_kinds(space)
    left_out = [kind for kind in asked if kind not in _layer_kinds(bound)]
    if left_out and len(shape) == 2:
        tell(
            f"Samples are {shape[0]}x{shape[1]}, without channels, so that no candidate has "
            f"{' or '.join(left_out)}: {bound.size:,} of {space.size:,} architectures are left. "
            f"{reshape_advice(shape)}; series take Conv1D."
        )


def _layer_kinds(space: SearchSpace) -> tuple[str, ...]:
    chain = space.definition
    kinds = dict(chain.choices)["layers"].choices if isinstance(chain, ChainSpace) else ()
    return tuple(map(str, kinds))


def warn_of_scales(space: SearchSpace, data: Data) -> None:
    """Warns of numbers far from 1, or from each other, that candidates take or give as they are."""
    sizes = [] if isinstance(data.raw, Vocabulary) else _usual_sizes(data.x_train)
    targets = _usual_sizes(data.y_train) if data.task.has_quantities else []
    far = _is_far(sizes) or max(sizes, default=1) > 2 * FAR * min(sizes, default=1)
    if not far and not _is_far(targets):
        return
    model = _candidate(space)
    if model is None:
        return
    told = []
    if far and _weighs_first(model):
        names = _feature_names(data, len(sizes))
        ends = {sizes.index(end): end for end in (min(sizes), max(sizes))}
        told.append(" and ".join(f"{names[at]} about {_rounded(end)}" for at, end in ends.items()))
    if _is_far(targets) and _activation(model) == "linear":
        told.append(f"y about {_rounded(max(targets))}")
    if told:
        ready = _READY.get(len(data.spec.input_shape), "tabular")
        tell(
            "Candidates of this space take numbers as they are, and these are of scales far from 1 "
            f"or from each other: {'; '.join(told)}. They learn little from small ones beside "
            f"large ones. Scale them to about 1 before, or take nas.spaces.{ready}(), which does "
            "so inside each candidate (as keras.layers.Normalization does in a build function)."
        )


def _usual_sizes(array: Array) -> list[float]:
    """Returns the median size of each feature's numbers but 0, of a sample; if rare 1 or more."""
    rows = array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1)
    rows = np.abs(rows[:: 1 + rows.size // _MOST_NUMBERS].astype(float))
    rare = np.mean(rows > 0, axis=0) < _RARE
    sizes = [float(np.median(column[column > 0])) if column.any() else 1.0 for column in rows.T]
    return [max(size, 1.0) if few else size for size, few in zip(sizes, rare, strict=True)]


def _is_far(sizes: list[float]) -> bool:
    return bool(sizes) and not 1 / FAR <= max(sizes) <= FAR


def _rounded(size: float) -> str:
    return f"{float(f'{size:.2g}'):,.0f}" if size >= 1 else f"{size:.2g}"


def _feature_names(data: Data, count: int) -> list[str]:
    if isinstance(data.raw, Table):
        return [f"'{column.name}'" for column in data.raw.columns for _ in range(column.width)]
    return ["x"] if count == 1 else [f"x[..., {place}]" for place in range(count)]


def _weighs_first(model: keras.Model) -> bool:
    """Whether weights meet the numbers as they came; False where a layer may have scaled them."""
    for operation in _operations(model):
        kind = type(operation)
        if not kind.__module__.startswith("keras.") or not kind.__name__.startswith(_PASSING):
            return kind.__module__.startswith("keras.") and kind.__name__.startswith(_WEIGHING)
    return False


def _operations(model: keras.Model) -> Iterator[Any]:
    plain = isinstance(model, keras.Sequential)
    for operation in model.layers if plain else getattr(model, "operations", [None]):
        inner = isinstance(operation, keras.Model)
        yield from _operations(operation) if inner else [operation]
