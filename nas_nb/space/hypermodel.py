"""The space of a `build(hp)` or `HyperModel`, found by watching it build."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import keras
import keras_tuner as kt

from nas_nb.errors import SpaceError
from nas_nb.space.definition import SpaceDefinition, WeightlessBuilder, undisturbed_random_state
from nas_nb.space.exploration import BuildExplorer
from nas_nb.space.hyperparameters import (
    BuildTrace,
    CheckedHyperParameters,
    from_hyperparameter,
    record_build,
)
from nas_nb.space.parameter import Parameter, holds

if TYPE_CHECKING:
    from nas_nb.data.dataset import DataSpec
    from nas_nb.record.trial import Values
    from nas_nb.space.domain import Domain


@dataclass(frozen=True)
class HyperModelSpace(SpaceDefinition):
    """The space of a function ``build(hp)``, or of a HyperModel."""

    # It is called a few times to find out which parameters it has.
    source: Callable[[kt.HyperParameters], keras.Model] | kt.HyperModel
    input_shape: tuple[int, ...] | None = None  # of a sample; None until `for_data`
    found: Domain | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.found is None:
            object.__setattr__(self, "found", discover(self.source))

    @property
    def whole_domain(self) -> Domain:
        """The values that are legal without the rules."""
        return cast("Domain", self.found)

    @property
    def identity(self) -> object:
        """The function: equal code in another function may read other variables."""
        return self.source

    @property
    def hypermodel(self) -> kt.HyperModel | None:
        """The HyperModel; None for a function."""
        return self.source if isinstance(self.source, kt.HyperModel) else None

    @property
    def code(self) -> object:
        """The function, or the HyperModel."""
        return self.source

    def for_data(self, spec: DataSpec) -> HyperModelSpace:
        """Returns the same space, whose models are built for this data before costs are counted."""
        same = self.input_shape == spec.input_shape
        return self if same else replace(self, input_shape=spec.input_shape)

    def build(self, point: Values) -> keras.Model:
        """Returns the compiled model of a point."""
        hp = CheckedHyperParameters.of(point)
        model = build_function(self.source)(hp)
        if not isinstance(model, keras.Model):
            raise _no_model(self.source, type(model))
        self._check_asked(hp, point)
        if self.input_shape is not None and not model.built:
            _build(model, self.input_shape)
        return model

    def _check_asked(self, hp: kt.HyperParameters, point: Values) -> None:
        """Raises SpaceError where a build asks for something that no build before did."""
        known = {p.name: p for p in self.whole_domain.active(point)}
        for asked in map(from_hyperparameter, hp.space):
            if not holds(asked.conditions, hp.values):
                continue
            if asked.name not in known:
                raise _unforeseen(asked, "nothing")
            if asked.extent != known[asked.name].extent:
                raise _unforeseen(asked, known[asked.name].range_text())


def _unforeseen(asked: Parameter, expected: str) -> SpaceError:
    return SpaceError(
        f"Expected {expected} for '{asked.name}' at these values, as the builds that explored the "
        f"space asked. Received: {asked.range_text()}. Put it into `hp.conditional_scope`, or ask "
        "for it in every build."
    )


def _build(model: keras.Model, input_shape: tuple[int, ...]) -> None:
    if type(model).build is keras.Model.build:
        # Asked to build, a subclass without a `build` of its own would make no variables.
        model(keras.Input(input_shape, batch_size=2))
    else:
        model.build((None, *input_shape))


def discover(build: Callable[[kt.HyperParameters], keras.Model] | kt.HyperModel) -> Domain:
    """Returns the domain of a build function, after as few builds as its branches need."""
    # The models get no weights where Keras can do without; the global random states stay as they
    # are, and no session is cleared.
    function = build_function(build)
    builder = WeightlessBuilder()
    survey = BuildExplorer(lambda values: record_build(function, values, builder))
    with undisturbed_random_state():
        try:
            _check(survey.visit({}), build)
            return survey.explore()
        finally:
            builder.close()


def build_function(source: Any) -> Callable[[kt.HyperParameters], Any]:
    """Returns a HyperModel as a function of hp; a function as it is."""
    if not isinstance(source, kt.HyperModel):
        return source  # type: ignore[no-any-return]

    def build(hp: kt.HyperParameters) -> Any:
        source.declare_hyperparameters(hp)
        return source.build(hp)

    return build


def _check(trace: BuildTrace, build: object) -> None:
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
            f"Expected {name} to ask for hyperparameters. Received: a build without any. "
            'Call hp.Choice("units", [32, 64]) or the like in it.'
        )


def _no_model(build: object, returned: type) -> SpaceError:
    return SpaceError(
        f"Expected {_name_of(build)} to return a compiled keras.Model. Received: "
        f"{returned.__name__}. End it with `return model`."
    )


def _name_of(build: object) -> str:
    return str(getattr(build, "__name__", type(build).__name__))
