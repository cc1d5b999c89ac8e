"""What a space is made of: domain, build, recipe; each model's head, and how it is built."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import keras
import numpy as np
from keras import ops

from nas_nb.errors import SpaceError
from nas_nb.private_imports import global_state
from nas_nb.space.restriction import Rules

if TYPE_CHECKING:
    import keras_tuner as kt

    from nas_nb.data.dataset import DataSpec
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.graph import Graph


@dataclass(frozen=True)
class SpaceDefinition(ABC):
    """One way to make a search space; `SearchSpace` asks it and adds KerasTuner's protocol."""

    rules: Rules = field(default=Rules(), kw_only=True)

    @property
    @abstractmethod
    def whole_domain(self) -> Domain:
        """The values that are legal without the rules."""

    @cached_property
    def domain(self) -> Domain:
        """The legal values."""
        return self.rules.narrow(self.whole_domain)

    @abstractmethod
    def build(self, point: Values) -> keras.Model:
        """Returns the compiled model of a canonical `point` of the domain."""

    def for_data(self, spec: DataSpec) -> SpaceDefinition:
        """Returns what builds for data of this shape and task; itself where that is no matter."""
        return self

    @property
    def hypermodel(self) -> kt.HyperModel | None:
        """The user's HyperModel, whose own `fit` a tuner has to call; None where there is none."""
        return None

    @property
    def code(self) -> object:
        """The user's code that builds the models, where a `recipe` does not say it all."""
        return self

    def read(self, text: str) -> Values:
        """Returns the values of an architecture that is written in a published form."""
        raise SpaceError(
            f"Expected the values of an architecture as a dictionary. Received: the text {text!r}. "
            "Only cells have a published form as text."
        )

    def write(self, point: Values) -> str | None:
        """Returns the published form of a canonical point; None where the space has none."""
        return None

    def graph(self, point: Values) -> Graph | None:
        """Returns what to draw of a canonical point; None to draw the layers of its model."""
        return None

    def implied(self, point: Values) -> dict[str, Value]:
        """Returns what follows from a point's choices and is no choice itself, by name."""
        return {}

    def costs(self, point: Values) -> dict[str, int]:
        """Returns the costs of a canonical point that are known without a model, by name."""
        return {}

    def path_code(self, point: Values) -> np.ndarray:
        """Returns a row with a 1 for each way from input to output that the cell has."""
        raise SpaceError(
            "Expected a space of cells for the path encoding. Received: one without paths. Leave "
            "`form` out."
        )

    @property
    def recipe(self) -> dict[str, Any] | None:
        """What makes it again, as JSON; None where that needs code of the user's."""
        return None

    @property
    def identity(self) -> object:
        """What makes two of them build the same models; hashable, compared by ``==``."""
        return self


def known_spec(spec: DataSpec | None) -> DataSpec:
    """Returns the spec; raises a `SpaceError` for a space that was not given any data."""
    if spec is None:
        raise SpaceError(
            "Expected a space that knows the data's shape to build a model. Received: one without "
            "data. Take space.for_data(data.spec), or pass the data to the search."
        )
    return spec


def check_images(spec: DataSpec | None, what: str) -> DataSpec:
    """Returns the spec, if it is one of images."""
    spec = known_spec(spec)
    if len(spec.input_shape) != 3:
        raise SpaceError(
            f"Expected samples of shape (height, width, channels) for a space of {what}. Received: "
            f"samples of shape {spec.input_shape}. {reshape_advice(spec.input_shape)}, or take "
            "another space."
        )
    return spec


def reshape_advice(shape: tuple[int, ...]) -> str:
    """Returns what to do with samples that are no images, in words."""
    if len(shape) == 2:
        return "Give grey images a channel with x[..., np.newaxis]"
    return "Reshape the data"


_HEADS: dict[str, tuple[str | None, str, str]] = {
    # task: activation of the output, loss, metric
    "binary": ("sigmoid", "binary_crossentropy", "accuracy"),
    "multiclass": ("softmax", "sparse_categorical_crossentropy", "accuracy"),
    "multilabel": ("sigmoid", "binary_crossentropy", "accuracy"),
    "regression": (None, "mse", "mae"),
    "forecasting": (None, "mse", "mae"),
}

_F1 = ("f1", "f1_score")


def output_layer(spec: DataSpec) -> keras.layers.Layer:
    """Returns the dense layer whose (samples, spec.outputs) are the predictions of the task."""
    activation, _, _ = _HEADS[spec.task]
    return keras.layers.Dense(spec.outputs, activation=activation)


def compile_for(
    model: keras.Model, spec: DataSpec, *, optimizer: str = "adam", learning_rate: float = 0.001
) -> keras.Model:
    """Compiles the model with the task's loss and metric, or what the data has in their place."""
    _, loss, own = _HEADS[spec.task]
    metrics = [own, *(name for name in spec.metrics if name != own)]
    chosen = keras.optimizers.get(
        {"class_name": optimizer, "config": {"learning_rate": float(learning_rate)}}
    )
    model.compile(
        optimizer=chosen,
        loss=loss if spec.loss is None else spec.loss,
        metrics=[_metric(name, spec) for name in metrics],
    )
    return model


def _metric(name: Any, spec: DataSpec) -> Any:
    if name in _F1:
        if spec.task != "multilabel":
            return SparseF1(classes=max(2, spec.outputs))
        return keras.metrics.F1Score(average="macro", threshold=0.5)
    if name == "accuracy" and spec.task == "multilabel":
        # Keras would take "accuracy" for the categorical one here; the log keeps the name.
        return keras.metrics.BinaryAccuracy(name=name)
    if isinstance(name, keras.metrics.Metric):  # each model counts for itself
        return type(name).from_config(name.get_config())
    return name


@keras.saving.register_keras_serializable(package="nas_nb")
class SparseF1(keras.metrics.Metric):  # type: ignore[misc]
    """The F1 score for labels that are class numbers.

    Of two classes it is the F1 score of class 1; of several the mean over the classes, each on
    its own ("macro"), where a class that neither occurs nor is predicted counts as 0.
    """

    def __init__(self, classes: int, name: str = "f1_score", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.classes = classes
        self.hits = self._counts("hits")
        self.labelled = self._counts("labelled")
        self.predicted = self._counts("predicted")

    def _counts(self, name: str) -> Any:
        return self.add_variable((self.classes,), initializer="zeros", name=name)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts a batch: class numbers (samples,) or (samples, 1), and probabilities."""
        one_output = y_pred.shape[-1] == 1
        chosen = y_pred[..., 0] > 0.5 if one_output else ops.argmax(y_pred, axis=-1)
        labelled = self._one_hot(ops.reshape(y_true, (-1,)))
        predicted = self._one_hot(chosen)
        weight = 1.0
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        self.hits.assign_add(ops.sum(weight * labelled * predicted, axis=0))
        self.labelled.assign_add(ops.sum(weight * labelled, axis=0))
        self.predicted.assign_add(ops.sum(weight * predicted, axis=0))

    def _one_hot(self, numbers: Any) -> Any:
        return ops.one_hot(ops.cast(numbers, "int32"), self.classes, dtype=self.dtype)

    def result(self) -> Any:
        """Returns the score, from 0 to 1."""
        scores = 2 * self.hits / (self.labelled + self.predicted + keras.config.epsilon())
        return scores[1] if self.classes == 2 else ops.mean(scores)

    def get_config(self) -> dict[str, Any]:
        """Returns what it was made with."""
        return {**super().get_config(), "classes": self.classes}


T = TypeVar("T")

_COUNTERS = "object_name_uids"
_PATCHING = threading.RLock()
_SCOPE = "stateless_scope"
_WAITING = "uninitialized_variables"
_GENERATOR = "global_seed_generator"


class WeightlessBuilder:
    """Calls functions that make Keras models, and gives those models no weights."""

    # Inside Keras's stateless scope a variable has a shape and no value, which saves the memory and
    # most of the time of a build (a ResNet50 takes 0.4 s instead of 3.7 s). `close` gives values to
    # the variables that outlive the models, because the user's own layers hold them.

    def __init__(self) -> None:
        self._made: list[weakref.ref[Any]] = []
        # What is here already can't be a model that is made here: `close` needn't look at it, which
        # with TensorFlow in memory takes a quarter of a second. Somebody else's freeze is left be.
        self._froze = not gc.get_freeze_count()
        if self._froze:
            gc.freeze()

    def call(self, function: Callable[[], T]) -> T:
        """Returns what `function` returns; a model in it can't be trained or called."""
        made: list[Any] = []
        try:
            with weightless(made):
                return function()
        finally:
            self._made += [weakref.ref(variable) for variable in made]

    def close(self) -> None:
        """Initialises the variables that are still in use."""
        gc.collect()  # models are cyclic: without this every one of them would seem in use
        if self._froze:
            gc.unfreeze()
        kept = [variable for ref in self._made if (variable := ref()) is not None]
        self._made.clear()
        if kept:
            waiting = global_state.get_global_attribute(_WAITING) or []
            global_state.set_global_attribute(_WAITING, [*waiting, *kept])
            with keras.StatelessScope():
                pass  # leaving the scope initialises what waits


@contextmanager
def weightless(made: list[Any] | None = None) -> Iterator[None]:
    """Gives the variables that are made in the block shapes, and no values."""
    waiting = global_state.get_global_attribute(_WAITING)
    global_state.set_global_attribute(_WAITING, [] if made is None else made)
    try:
        with _optimizers_with_values(), keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(_WAITING, waiting or [])


@contextmanager
def _optimizers_with_values() -> Iterator[None]:
    """Lets optimisers be made inside a stateless scope, which refuses their step counter."""
    base = keras.optimizers.Optimizer
    with _PATCHING:
        original = base.__init__

        def outside_the_scope(self: Any, *args: Any, **options: Any) -> None:
            scope = global_state.get_global_attribute(_SCOPE)
            global_state.set_global_attribute(_SCOPE, None)
            try:
                original(self, *args, **options)
            finally:
                global_state.set_global_attribute(_SCOPE, scope)

        base.__init__ = outside_the_scope
        try:
            yield
        finally:
            base.__init__ = original


@contextmanager
def undisturbed_random_state() -> Iterator[None]:
    """Puts Python's, NumPy's and Keras's global random states back when the block ends."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    generator = global_state.get_global_attribute(_GENERATOR)
    position = None if generator is None else generator.state.numpy()
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        global_state.set_global_attribute(_GENERATOR, generator)
        if position is not None:
            generator.state.assign(position)


def restart_names() -> None:
    """Lets Keras count automatic names from the start again, in this thread."""
    global_state.set_global_attribute(_COUNTERS, None)


@contextmanager
def fresh_names() -> Iterator[None]:
    """Lets Keras count automatic names from the start in the block, and puts its counters back."""
    # A metric `AUC()` is then "auc" in every candidate. And TensorFlow keeps about 30 kB for every
    # variable name that it ever saw, so names that repeat keep memory flat.
    before = global_state.get_global_attribute(_COUNTERS)
    restart_names()
    try:
        yield
    finally:
        global_state.set_global_attribute(_COUNTERS, before)
