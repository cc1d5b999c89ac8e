from __future__ import annotations

import pytest

from nas_nb.notebook.wording import steering_text
from nas_nb.record.events import SteerAction

DEEDS = {
    SteerAction.PAUSE: ({"reason": "the disk is full"}, "paused: the disk is full"),
    SteerAction.RESUME: ({}, "resumed"),
    SteerAction.RESTRICT: (
        {"without": {"layer_1": ["Dense"]}},
        "restricted: layer_1 without Dense",
    ),
    SteerAction.UNRESTRICT: ({"names": ["units"]}, "restrictions lifted of units"),
    SteerAction.QUEUE: ({"values": {"depth": 2}}, "queued: depth=2"),
    SteerAction.UNQUEUE: ({}, "queue emptied"),
    SteerAction.STOP_TRIAL: ({"trial": 3}, "trial 3 stopped"),
    SteerAction.MORE_EPOCHS: ({"trial": 3, "epochs": 5}, "5 more epochs for trial 3"),
    SteerAction.STRATEGY: (
        {"strategy": "evolution", "options": {"population": 9}},
        "strategy changed to evolution (population=9)",
    ),
    SteerAction.BUDGET: ({"max_trials": None}, "budget changed: max_trials lifted"),
}


@pytest.mark.parametrize("action", SteerAction)
def test_every_action_is_told(action):
    detail, text = DEEDS[action]
    assert steering_text({"action": str(action), "detail": detail}) == text


def test_an_action_of_a_newer_version_is_told_as_it_is():
    assert steering_text({"action": "look_back", "detail": {"far": 3}}) == "look back: far 3"
