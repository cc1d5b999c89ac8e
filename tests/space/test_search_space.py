from __future__ import annotations

import keras
import keras_tuner as kt
import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.errors import SpaceError
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.space.ranges import log_uniform, uniform
from nas_nb.space.search_space import Architecture, SearchSpace, describe_domain
from tests.space.domains import TREE, fixed

CHOICES = {"layers": ["Conv2D", "Dense"], "units": [4, 8], "activations": ["relu"], "depth": [1, 2]}
SPEC = DataSpec((8, 8, 1), Task.MULTICLASS, 3)


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    if hp.Boolean("hidden"):
        model.add(keras.layers.Dense(hp.Choice("units", [4, 8]), activation="relu"))
    model.add(keras.layers.Dense(3, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Model(kt.HyperModel):
    fitted: list[dict]

    def __init__(self) -> None:
        super().__init__()
        self.fitted = []

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        return build(hp)

    def fit(self, hp: kt.HyperParameters, model: keras.Model, *args: object, **options: object):
        self.fitted.append(dict(hp.values))
        return super().fit(hp, model, *args, **options)


@pytest.fixture(params=["dict", "function", "hypermodel"])
def space(request: pytest.FixtureRequest) -> SearchSpace:
    if request.param == "dict":
        return SearchSpace.from_dict(CHOICES).for_data(SPEC)
    return SearchSpace(build if request.param == "function" else Model())


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((12, 8, 8, 1), dtype="float32"), np.arange(12) % 3


def test_all_samples_and_neighbours_are_in_the_space_and_build(space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        architecture = space.sample(rng)
        assert space.contains(architecture)
        assert architecture.build()(data()[0]).shape == (12, 3)
        assert all(space.contains(neighbour) for neighbour in space.neighbours(architecture))
        assert architecture not in space.neighbours(architecture)


def test_size_agrees_with_the_architectures_listed(space: SearchSpace) -> None:
    listed = {space.architecture(values) for values in space.domain.enumerate()}
    assert len(listed) == space.size


def test_stock_random_search_takes_it_and_proposes_its_points(
    space: SearchSpace, tmp_path: object
) -> None:
    tuner = kt.RandomSearch(
        space, objective="val_accuracy", max_trials=3, seed=1, directory=str(tmp_path)
    )
    tuner.oracle.verbose = 0
    x, y = data()
    tuner.search(x, y, validation_data=(x, y), epochs=1, verbose=0)
    trials = list(tuner.oracle.trials.values())
    assert [trial.status for trial in trials] == ["COMPLETED"] * 3
    for trial in trials:
        assert space.domain.canonical(trial.hyperparameters.values) == trial.hyperparameters.values


def test_stock_tuner_probes_it_with_one_build(tmp_path: object) -> None:
    builds = []

    def counted(hp: kt.HyperParameters) -> keras.Model:
        builds.append(dict(hp.values))
        kind = hp.Choice("kind", ["a", "b", "c"])
        for name in "abc":
            with hp.conditional_scope("kind", [name]):
                hp.Int(f"{name}_units", 1, 3)
        model = build(hp)
        assert kind
        return model

    space = SearchSpace(counted)
    found = len(builds)
    kt.RandomSearch(space, objective="val_loss", max_trials=1, directory=str(tmp_path))
    assert len(builds) - found == 1


def test_hypermodels_own_fit_is_called(tmp_path: object) -> None:
    model = Model()
    tuner = kt.RandomSearch(
        SearchSpace(model), objective="val_loss", max_trials=1, directory=str(tmp_path)
    )
    tuner.oracle.verbose = 0
    x, y = data()
    tuner.search(x, y, validation_data=(x, y), epochs=1, verbose=0)
    assert len(model.fitted) == 1


def test_hyperparameters_without_values_build_the_default_architecture(space: SearchSpace) -> None:
    hp = kt.HyperParameters()
    assert isinstance(space.build(hp), keras.Model)
    assert hp.values == space.domain.complete({})


def test_dictionary_space_without_data_does_not_build() -> None:
    with pytest.raises(SpaceError, match=r"space\.for_data"):
        SearchSpace.from_dict(CHOICES).build(kt.HyperParameters())


def test_binding_to_data_keeps_the_name_and_leaves_the_space_itself_alone() -> None:
    space = SearchSpace.from_dict(CHOICES, name="digits")
    assert space.for_data(SPEC).name == "digits"
    with pytest.raises(SpaceError):
        space.build_values(space.domain.complete({}))


def test_function_space_is_the_same_for_any_data() -> None:
    space = SearchSpace(build)
    assert space.for_data(SPEC) == space
    assert space.for_data(SPEC).domain is space.domain


def test_model_that_leaves_its_input_open_is_built_for_the_data() -> None:
    def opened(hp: kt.HyperParameters) -> keras.Model:
        units = hp.Choice("units", [2, 4])
        model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(units)])
        model.compile("sgd", "mse")
        return model

    space = SearchSpace(opened)
    assert not space.build_values({"units": 4}).built
    assert space.for_data(SPEC).build_values({"units": 4}).built


def test_spaces_of_equal_dictionaries_or_the_same_function_are_equal() -> None:
    assert SearchSpace.from_dict(CHOICES) == SearchSpace.from_dict(dict(CHOICES))
    assert SearchSpace(build) == SearchSpace(build)
    assert SearchSpace(build) != SearchSpace.from_dict(CHOICES)
    assert SearchSpace.from_dict(CHOICES) != SearchSpace.from_dict({**CHOICES, "units": [4]})
    assert hash(SearchSpace(build)) == hash(SearchSpace(build))


def test_illegal_values_are_not_built(space: SearchSpace) -> None:
    with pytest.raises(SpaceError, match="Received: 'colour'"):
        space.build_values({**space.domain.complete({}), "colour": "red"})


def test_text_tells_its_size() -> None:
    assert repr(SearchSpace.from_dict(CHOICES)) == "SearchSpace(7 parameters, 16 architectures)"
    assert SearchSpace.from_dict(CHOICES).describe().startswith("16 architectures, 7 parameters")


@pytest.mark.parametrize("wrong", [CHOICES, "build", 3, None])
def test_what_is_no_build_function_is_refused(wrong: object) -> None:
    with pytest.raises(SpaceError, match=r"Expected a build\(hp\) function or a HyperModel"):
        SearchSpace(wrong)  # type: ignore[arg-type]


def test_a_space_beyond_floats_is_told() -> None:
    def many(hp: kt.HyperParameters) -> keras.Model:
        for number in range(104):
            hp.Int(f"choice_{number}", 1, 1000)
        return build(hp)

    huge = SearchSpace(many)
    assert huge.size == 1000**104 * (1 + 2)
    assert repr(huge) == "SearchSpace(106 parameters, about 10^312 architectures)"
    assert huge.describe().startswith("about 10^312 architectures, 106 parameters")


JUNK = [None, float("nan"), 10**400, "x", [], [None], {1: 2}, {"units": None}, object()]


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: repr(junk).partition(" at ")[0][:40])
def test_wrong_types_get_a_sentence(junk: object) -> None:
    space = SearchSpace.from_dict(CHOICES).for_data(SPEC)
    one = space.sample(np.random.default_rng(0))
    calls = [space.sample, space.neighbours, space.architecture, space.encode, space.for_data]
    calls += [space.build_values, space.build, space.declare_hyperparameters, one.diff]
    calls += [one.__getitem__, lambda v: space.distance(one, v), lambda v: space.encode(one, v)]
    kinds = ("pin", "without", "at_least", "at_most")
    calls += [lambda v, k=kind: space.subspace(**{k: {"units": v}}) for kind in kinds]
    calls += [uniform, lambda v: log_uniform(1, v), SearchSpace, SearchSpace.from_dict]
    for call in calls:
        with pytest.raises(SpaceError, match=r"\AExpected .*\Z"):
            call(junk) if call is not uniform else uniform(junk, 1e-9)  # type: ignore[arg-type]
    assert not space.contains(junk)  # type: ignore[arg-type]


BRANCHED = {"layers": ["Dense"], "units": [4, 8], "activations": ["relu", "tanh"], "depth": [1, 2]}
SPACE = SearchSpace.from_dict(BRANCHED)
ONE = {"depth": 1, "layer_1": "Dense", "units_1": 8, "activation_1": "tanh"}


def test_equal_choices_are_equal_and_hash_alike() -> None:
    one = SPACE.architecture(ONE)
    two = SPACE.architecture({**ONE, "units_1": np.int64(8), "units_2": 4})
    assert one == two
    assert hash(one) == hash(two)
    assert len({one, two}) == 1
    assert one.key == two.key


def test_other_choices_or_another_space_are_not_equal() -> None:
    one = SPACE.architecture(ONE)
    assert one != SPACE.architecture({**ONE, "units_1": 4})
    other = SearchSpace.from_dict({**BRANCHED, "units": [8]})
    assert one != other.architecture(ONE)
    assert one != ONE


def test_equal_spaces_make_equal_architectures() -> None:
    assert SPACE.architecture(ONE) == SearchSpace.from_dict(BRANCHED).architecture(ONE)


def test_it_cannot_be_changed() -> None:
    one = SPACE.architecture(ONE)
    with pytest.raises(TypeError):
        one.values["units_1"] = 4  # type: ignore[index]
    with pytest.raises(AttributeError):
        one.values = {}  # type: ignore[misc]
    with pytest.raises(AttributeError):
        one.colour = "red"  # type: ignore[attr-defined]


def test_choices_are_read_like_a_dictionarys() -> None:
    one = SPACE.architecture(ONE)
    assert one["units_1"] == 8
    assert list(one) == list(ONE)


def test_text_names_the_choices() -> None:
    assert repr(SPACE.architecture(ONE)) == (
        "Architecture(depth=1, layer_1='Dense', units_1=8, activation_1='tanh')"
    )


def test_illegal_choices_are_refused() -> None:
    with pytest.raises(SpaceError, match=r"'units_1' to be 4, 8\. Received: 5"):
        Architecture(SPACE, {**ONE, "units_1": 5})


def test_it_builds_a_model_of_its_space() -> None:
    space = SPACE.for_data(DataSpec((3,), Task.REGRESSION, 1))
    model = space.architecture(ONE).build()
    assert model.count_params() == (3 + 1) * 8 + (8 + 1)
    assert model.optimizer is not None


def test_difference_names_what_each_chose() -> None:
    one = SPACE.architecture(ONE)
    two = SPACE.architecture(
        {**ONE, "depth": 2, "units_1": 4, "layer_2": "Dense", "units_2": 4, "activation_2": "relu"}
    )
    assert one.diff(one) == {}
    difference = one.diff(two)
    assert difference["units_1"] == (8, 4)
    assert difference["units_2"] == (None, 4)
    assert two.diff(one)["units_2"] == (4, None)
    assert "activation_1" not in difference


def test_summary_lists_choices_and_layers_and_leaves_random_states_alone() -> None:
    space = SPACE.for_data(DataSpec((3,), Task.REGRESSION, 1))
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    text = space.architecture(ONE).summary()
    assert "units_1       8" in text
    assert "Total params" in text
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_layers_of_the_model_are_laid_out_where_the_space_draws_nothing_itself() -> None:
    space = SPACE.for_data(DataSpec((3,), Task.REGRESSION, 1))
    labels = [box.label for box in space.architecture(ONE).layout().boxes]
    assert labels == ["input (3,)", "Dense 8 tanh\n8, 32 params", "Dense 1\n1, 9 params"]
    with pytest.raises(SpaceError, match=r"space\.for_data"):
        SPACE.architecture(ONE).layout()


def test_text_is_the_key_where_nothing_is_published() -> None:
    one = SPACE.architecture(ONE)
    assert one.published_form == one.key
    assert one.costs == {}
    with pytest.raises(SpaceError, match="Only cells have a published form"):
        SPACE.architecture("units_1=8")
    with pytest.raises(SpaceError, match="Expected a space of cells for the path encoding"):
        SPACE.encode(one, "paths")
    with pytest.raises(SpaceError, match=r"'choices' or 'paths'\. Received: 'onehot'"):
        SPACE.encode(one, "onehot")


def test_description_tells_size_ranges_and_conditions() -> None:
    assert describe_domain(TREE).splitlines() == [
        "12 architectures, 5 parameters",
        "",
        "model   mlp, cnn",
        "layers  1, 2       if model is mlp",
        "units   8, 16, 32  if model is mlp; 4, 8  if model is cnn",
        "pool    max, none  if model is cnn",
        "size    2 to 3     if model is cnn and pool is max",
    ]


def test_one_and_infinitely_many_are_words() -> None:
    rate = Parameter("rate", ParameterKind.FLOAT, low=0, high=1)
    assert describe_domain(Domain((rate,))).startswith(
        "infinitely many architectures, 1 parameter\n"
    )
    assert describe_domain(Domain((fixed("a", 1),))).startswith("1 architecture, 1 parameter\n")
