"""The domain of a KerasTuner `build(hp)` function or HyperModel, found by watching it build."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner as kt

from nas_nb.errors import SpaceError
from nas_nb.space.blueprint import Blueprint
from nas_nb.space.exploring import Survey
from nas_nb.space.recording import Trace, record
from nas_nb.space.symbolic import WeightlessBuilder, undisturbed_random_state

if TYPE_CHECKING:
    from nas_nb.data import DataSpec
    from nas_nb.record.values import Values
    from nas_nb.space.domain import Domain


class Discovered(Blueprint):
    """The space of a function ``build(hp)``, or of a HyperModel.

    Args:
        build: Makes and compiles a model from `kt.HyperParameters`. It is called a few times, with
            values that take its branches, to find out which parameters it has.

    Attributes:
        input_shape: Shape of a sample of the data that models are built for; None until `for_data`.

    Raises:
        SpaceError: It fails with its default values, returns something else than a Keras model,
            asks for no parameter, or for one that can't be.
    """

    def __init__(self, build: Callable[[kt.HyperParameters], keras.Model] | kt.HyperModel) -> None:
        self._source = build
        self._domain = discover(build)
        self.input_shape: tuple[int, ...] | None = None

    @property
    def domain(self) -> Domain:
        """The legal values."""
        return self._domain

    @property
    def identity(self) -> object:
        """The function: equal code in another function may read other variables."""
        return self._source

    @property
    def hypermodel(self) -> kt.HyperModel | None:
        """The HyperModel; None for a function."""
        return self._source if isinstance(self._source, kt.HyperModel) else None

    def for_data(self, spec: DataSpec) -> Discovered:
        """Returns the same space, whose models are built for this data.

        Many functions leave the input's shape to the first batch; costs are counted before it.
        """
        if self.input_shape == spec.input_shape:
            return self
        bound = copy(self)
        bound.input_shape = spec.input_shape
        return bound

    def build(self, point: Values) -> keras.Model:
        """Returns the compiled model of a point.

        Raises:
            SpaceError: The function returns something else for these values.
        """
        hp = kt.HyperParameters()
        hp.values = dict(point)
        model = _function(self._source)(hp)
        if not isinstance(model, keras.Model):
            raise _no_model(self._source, type(model))
        if self.input_shape is not None and not model.built:
            _build(model, self.input_shape)
        return model


def _build(model: keras.Model, input_shape: tuple[int, ...]) -> None:
    if type(model).build is keras.Model.build:
        # Asked to build, a subclass without a `build` of its own would make no variables.
        model(keras.Input(input_shape, batch_size=2))
    else:
        model.build((None, *input_shape))


def discover(build: Callable[[kt.HyperParameters], keras.Model] | kt.HyperModel) -> Domain:
    """Returns the domain of a build function, after as few builds as its branches need.

    The models get no weights where Keras can do without; the global random states stay as they
    are, and no session is cleared.

    Args:
        build: A function ``build(hp)`` or a HyperModel.

    Raises:
        SpaceError: It fails with its default values, returns something else than a Keras model,
            asks for no parameter, or for one that can't be.
    """
    function = _function(build)
    builder = WeightlessBuilder()
    survey = Survey(lambda values: record(function, values, builder))
    with undisturbed_random_state():
        try:
            _check(survey.visit({}), build)
            return survey.explore()
        finally:
            builder.close()


def _function(source: Any) -> Callable[[kt.HyperParameters], Any]:
    if not isinstance(source, kt.HyperModel):
        return source  # type: ignore[no-any-return]

    def build(hp: kt.HyperParameters) -> Any:
        source.declare_hyperparameters(hp)
        return source.build(hp)

    return build


def _check(trace: Trace, build: object) -> None:
    name = _name_of(build)
    if trace.error is not None:
        raise SpaceError(
            f"Expected {name} to build a model from its default values, but it failed: "
            f"{type(trace.error).__name__}: {trace.error}"
        ) from trace.error
    if not issubclass(trace.returned, keras.Model):
        raise _no_model(build, trace.returned)
    if not trace.asked:
        raise SpaceError(
            f"Expected {name} to ask for hyperparameters, got a build without any: "
            'call hp.Choice("units", [32, 64]) or the like in it.'
        )


def _no_model(build: object, returned: type) -> SpaceError:
    return SpaceError(
        f"Expected {_name_of(build)} to return a compiled keras.Model, "
        f"got {returned.__name__}: end it with `return model`."
    )


def _name_of(build: object) -> str:
    return str(getattr(build, "__name__", type(build).__name__))
