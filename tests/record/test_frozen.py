from __future__ import annotations

import copy
import json
import operator
import pickle
from typing import Any

import pytest

from nas_nb.record.trial import ReadOnlyError, freeze

GIVEN: dict[str, Any] = {"a": {"b": [1, {"c": 2}]}, "d": 3}


def test_what_is_frozen_reads_like_what_was_given() -> None:
    held = freeze(GIVEN)
    assert held == GIVEN
    assert repr(held) == repr(GIVEN)
    assert json.loads(json.dumps(held)) == GIVEN
    assert {**held, "d": 4} == {**GIVEN, "d": 4}


@pytest.mark.parametrize(
    "copied", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy, copy.copy]
)
def test_a_copy_by_the_machine_stays_frozen(copied: Any) -> None:
    held = copied(freeze(GIVEN))
    assert held == GIVEN
    with pytest.raises(ReadOnlyError):
        held["a"]["b"].append(1)


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.update(d=1),
        lambda held: operator.ior(held, {"d": 1}),
        lambda held: held["a"].clear(),
        lambda held: held["a"]["b"].sort(),
        lambda held: operator.iadd(held["a"]["b"], [1]),
        lambda held: held["a"]["b"][1].pop("c"),
        lambda held: operator.setitem(held["a"]["b"], 0, 5),
        lambda held: operator.delitem(held, "d"),
    ],
)
def test_nothing_is_changed_at_any_depth(change: Any) -> None:
    held = freeze(GIVEN)
    with pytest.raises(ReadOnlyError, match="change a copy"):
        change(held)
    assert held == GIVEN


def test_a_copy_by_hand_may_be_changed() -> None:
    held = freeze(GIVEN)
    mine, others = dict(held), list(held["a"]["b"])
    mine["d"] = 4
    others.append(5)
    assert held == GIVEN
