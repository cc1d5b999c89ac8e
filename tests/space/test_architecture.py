from __future__ import annotations

import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.errors import SpaceError
from nas_nb.space.search_space import Architecture, SearchSpace

CHOICES = {"layers": ["Dense"], "units": [4, 8], "activations": ["relu", "tanh"], "depth": [1, 2]}
SPACE = SearchSpace.from_dict(CHOICES)
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
    other = SearchSpace.from_dict({**CHOICES, "units": [8]})
    assert one != other.architecture(ONE)
    assert one != ONE


def test_equal_spaces_make_equal_architectures() -> None:
    assert SPACE.architecture(ONE) == SearchSpace.from_dict(CHOICES).architecture(ONE)


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
