from __future__ import annotations

from nas_nb.record.dataframe import trials_frame
from nas_nb.record.history import History
from nas_nb.record.lineage import changed_values, origin_text
from tests.record.logbook import opened

FIRST = {"depth": 1, "units_1": 32, "rate": 0.00123456}


def bred() -> History:
    journal = opened()
    about = {"origin": "evolution"}
    journal.append("trial_proposed", trial=0, values=FIRST, how="drawn", **about)
    second = {**FIRST, "units_1": 64}
    journal.append("trial_proposed", trial=1, values=second, how="mutated", ancestors=[0], **about)
    third = {"depth": 2, "units_1": 64, "units_2": 8, "rate": 0.1}
    crossed = {"origin": "nsga2", "how": "crossed", "ancestors": [1, 0]}
    journal.append("trial_proposed", trial=2, values=third, **crossed)
    journal.append("trial_proposed", trial=3, values=third, origin="asha", parent=2)
    journal.append("trial_proposed", trial=4, values=FIRST, origin="mine", parent=2)
    journal.append("trial_proposed", trial=5, values=FIRST, origin="grid")
    return journal.history


def test_the_origin_says_how_an_architecture_was_found_and_what_was_changed() -> None:
    history = bred()
    assert [origin_text(trial, history) for trial in history] == [
        "evolution: drawn",
        "evolution: mutated from trial 0 (units_1: 32 → 64)",
        "nsga2: crossed from trials 1 and 0 (depth: 1 → 2, units_2: none → 8, "
        "rate: 0.001235 → 0.1)",
        "asha: continued from trial 2",
        "mine: changed from trial 2 (depth: 2 → 1, units_1: 64 → 32, rate: 0.1 → 0.001235, "
        "units_2: 8 → none)",
        "grid",
    ]
    assert list(trials_frame(history)["origin"])[1].startswith("evolution: mutated from trial 0")


def test_ancestors_say_nothing_of_weights() -> None:
    second = bred()[1]
    assert (second.how, second.ancestors, second.parent) == ("mutated", (0,), None)


def test_an_ancestor_that_never_was_is_left_out() -> None:
    journal = opened()
    about = {"how": "mutated", "ancestors": [3, "x", 0]}
    journal.append("trial_proposed", trial=0, values=FIRST, origin="x", **about)
    assert journal.history[0].ancestors == ()


def test_choices_that_are_not_made_are_none() -> None:
    assert changed_values({"a": 1, "b": 2}, {"a": 1, "c": 3}) == {"c": (None, 3), "b": (2, None)}
