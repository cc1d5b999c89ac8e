"""Journals that were edited by hand, or written by a later version, get one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nas_nb as nas
from nas_nb.errors import NasError
from nas_nb.notebook.replay import Playback
from nas_nb.record.journal import Journal, read_history
from tests.record.logbook import everything
from tests.search.tiny import tiny_data, tiny_search

WRONG: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    10**400,
    float("inf"),
    "",
    "\x1b[31m$x^2$",
    [],
    [None],
    {},
    {"a": {"b": None}},
]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """A journal that has every kind of event and of steering."""
    folder = tmp_path_factory.mktemp("project")
    tiny_search(folder, max_trials=2, epochs=1, max_time="1 h", patience=1).run()
    with Journal.open(folder / "journal.jsonl") as journal:
        steered: dict[str, dict[str, Any]] = {
            "pause": {"reason": "a reason"},
            "resume": {},
            "restrict": {"pin": {"units": [2, 3]}, "at_least": {"units": 2}},
            "unrestrict": {"names": ["units"]},
            "queue": {"values": journal.history[0].values},
            "unqueue": {},
            "stop_trial": {"trial": 0},
            "more_epochs": {"trial": 0, "epochs": 2},
            "strategy": {"strategy": "evolution", "options": {"population": 3, "sample": 2}},
            "budget": {"max_trials": 3},
        }
        for action, detail in steered.items():
            journal.append("steered", action=action, detail=detail)
        detail = {"epoch": 1, "epochs": 2}
        journal.append("prepared", strategy="one_shot", what="epoch", detail=detail)
    lines = (folder / "journal.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def places(event: Any, inside: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the path of every field of an event, at any depth."""
    keys = (
        event if isinstance(event, dict) else range(len(event)) if isinstance(event, list) else ()
    )
    for key in keys:
        yield (*inside, key)
        yield from places(event[key], (*inside, key))


def damaged(event: dict[str, Any], place: tuple[Any, ...], how: str, value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(event))
    parent = copy
    for key in place[:-1]:
        parent = parent[key]
    if how == "replace":
        parent[place[-1]] = value
    elif how == "remove":
        del parent[place[-1]]
    elif isinstance(parent, dict):
        parent["from_a_later_version"] = value
    else:
        parent.append(value)
    return copy


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_field_is_damaged_is_told_in_a_sentence(
    events: list[dict[str, Any]], tmp_path: Path, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(events) - 1), label="line")
    place = data.draw(st.sampled_from(sorted(places(events[number]), key=str)), label="field")
    how = data.draw(st.sampled_from(["replace", "remove", "add"]), label="how")
    value = data.draw(st.sampled_from(WRONG), label="value")
    changed = [*events[:number], damaged(events[number], place, how, value), *events[number + 1 :]]
    journal = tmp_path / "journal.jsonl"
    text = "".join(json.dumps(event, allow_nan=True) + "\n" for event in changed)
    journal.write_text(text.replace("Infinity", '"Infinity"'))
    before = journal.read_bytes()
    for read in (
        lambda: everything(read_history(journal)),
        lambda: everything(Playback.open(tmp_path).history),
        lambda: shown(nas.open(tmp_path, data=tiny_data())),
    ):
        try:
            read()
        except NasError as error:
            told = str(error)
            assert len(told) < 1500
            assert told.isprintable()
    assert journal.read_bytes() == before


def shown(search: nas.Search) -> None:
    """Looks at what a reader looks at first."""
    assert len(search.trials) == len(search.history)
    assert search.state
    assert search.progress
    if search.history.incumbent is not None:
        assert repr(search.best)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", None),
        ("objective", 3),
        ("fidelity", {"precision": "half"}),
        ("fidelity", {"epochs": 10**400}),
        ("budget", {"max_trials": "many"}),
        ("recipe", {"cell": {}}),
        ("journal", "2.0"),
        ("time", "yesterday"),
    ],
)
def test_a_damaged_opening_is_told_with_its_line(
    events: list[dict[str, Any]], tmp_path: Path, field: str, value: Any
) -> None:
    lines = [json.dumps(events[-1]), json.dumps({**events[0], field: value})]
    (tmp_path / "journal.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(NasError, match=r"line 2 of|Line 2 of"):
        nas.open(tmp_path, data=tiny_data())


def test_a_later_versions_fields_of_no_meaning_here_are_passed_over(
    events: list[dict[str, Any]], tmp_path: Path
) -> None:
    lines = [json.dumps({**event, "mood": ["fine"]}) for event in events]
    lines.insert(3, json.dumps({"event": "celebrated", "time": 1.0}))
    (tmp_path / "journal.jsonl").write_text("\n".join(lines) + "\n")
    again = nas.open(tmp_path, data=tiny_data())
    assert len(again.history.completed) == 2


def test_the_folder_of_a_journal_is_the_one_that_is_opened(
    events: list[dict[str, Any]], tmp_path: Path
) -> None:
    there = tmp_path / "there"
    opening = events[0]
    opening = {**opening, "fidelity": {**opening["fidelity"], "directory": str(there)}}
    (tmp_path / "journal.jsonl").write_text(json.dumps(opening) + "\n")
    with pytest.raises(NasError, match="directory"):
        nas.open(tmp_path, data=tiny_data())
