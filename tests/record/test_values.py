from __future__ import annotations

import copy
import json
import operator
import pickle

import numpy as np
import pytest

from nas_nb.errors import JournalError
from nas_nb.record.trial import plain_values, values_key
from tests.record.logbook import opened


def test_the_key_does_not_depend_on_the_order_of_the_names() -> None:
    assert values_key({"a": 1, "b": "x"}) == values_key({"b": "x", "a": 1})


def test_the_key_tells_types_apart() -> None:
    assert len({values_key({"a": value}) for value in (1, 1.0, True, "1", "True")}) == 5


def test_the_key_of_numpy_values_is_that_of_plain_ones() -> None:
    given = {"a": np.int64(3), "b": np.float64(0.1), "c": np.bool_(True), "d": np.str_("x")}
    assert values_key(given) == values_key({"a": 3, "b": 0.1, "c": True, "d": "x"})


def test_plain_values_have_pythons_own_types() -> None:
    plain = plain_values({"a": np.int64(3), "b": np.float32(0.5), "c": np.bool_(False)})
    assert [type(value) for value in plain.values()] == [int, float, bool]


@pytest.mark.parametrize("value", [None, (3, 3), [1], {"a": 1}, object(), np.zeros(2)])
def test_a_value_that_is_no_plain_one_is_refused_by_name(value: object) -> None:
    with pytest.raises(JournalError, match="kernel"):
        plain_values({"kernel": value})


def test_the_values_of_a_trial_can_be_read_in_every_way_and_changed_in_none() -> None:
    journal = opened()
    journal.append("trial_proposed", trial=0, values={"a": 1, "b": "x"}, origin="test")
    values = journal.history[0].values
    assert values == {"a": 1, "b": "x"}
    assert json.loads(json.dumps(values)) == values
    assert pickle.loads(pickle.dumps(values)) == copy.deepcopy(values) == values
    changes = [
        lambda: values.update(a=2),
        lambda: values.pop("a"),
        lambda: values.__setitem__("a", 2),
        lambda: operator.ior(values, {"a": 2}),
        values.clear,
    ]
    for change in changes:
        with pytest.raises(TypeError, match="change a copy"):
            change()
    assert {**values, "a": 2} == {"a": 2, "b": "x"}
    assert journal.history.has_tried({"a": 1, "b": "x"})
