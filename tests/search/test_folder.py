from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import nas_nb as nas
from nas_nb.errors import SearchError
from nas_nb.record.journal import JOURNAL_FILE, Journal
from nas_nb.search.folder import choose_folder, is_chosen, space_differences
from nas_nb.search.search import Search
from tests.search.tiny import CHOICES, tiny_data


@pytest.fixture
def search(tmp_path):
    return Search(CHOICES, tiny_data(), max_trials=2, directory=tmp_path / "one")


def test_a_search_that_has_not_started_moves_to_another_folder(search, tmp_path):
    search.configure(directory=tmp_path / "two", max_trials=3)
    assert search.directory == tmp_path / "two"
    assert search.budget.max_trials == 3
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("settings", [{"directory": "{}/file/below"}, {"directory": "{}/file"}])
def test_a_file_is_no_folder(search, tmp_path, settings):
    (tmp_path / "file").write_text("")
    with pytest.raises(SearchError, match="is a file"):
        search.configure(**{k: v.format(tmp_path) for k, v in settings.items()}, max_trials=3)
    assert search.budget.max_trials == 2


def test_a_folder_has_to_be_writable(search, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(SearchError, match="can be written"):
        search.configure(directory=tmp_path / "two")


def test_a_folder_in_which_a_search_is_written_is_refused(search, tmp_path):
    with (
        Journal.open(tmp_path / "two" / JOURNAL_FILE),
        pytest.raises(SearchError, match="is being written"),
    ):
        search.configure(directory=tmp_path / "two")
    search.configure(directory=tmp_path / "two")


def test_a_folder_that_holds_a_search_is_refused(search, tmp_path):
    with Journal.open(tmp_path / "two" / JOURNAL_FILE) as journal:
        journal.append("search_opened", **search.settings.opening())
    with pytest.raises(SearchError, match="holds a search of 0 trials"):
        search.configure(directory=tmp_path / "two")


def test_a_search_that_has_started_stays_where_it_is(search, tmp_path):
    search.history.apply({"event": "search_opened", "time": 0.0, **search.settings.opening()})
    with pytest.raises(SearchError, match="before the first start"):
        search.configure(directory=tmp_path / "two")


def test_a_folder_that_nobody_named_is_told_from_others(tmp_path):
    assert not is_chosen(choose_folder(None, "digits"))
    assert is_chosen(tmp_path / "mine")


@pytest.mark.parametrize("name", ["trial_000000.weights.h5", "thesis.weights.h5", "partial_notes"])
def test_files_of_the_users_own_are_never_touched(search, tmp_path, name):
    mine = tmp_path / "one" / "checkpoints" / name
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"months of training")
    if name.startswith("trial"):
        with pytest.raises(SearchError, match=r"overwrite nothing.*trial_000000.weights.h5"):
            search.run()
        assert not search.history.opened
    else:
        search.run()
    assert mine.read_bytes() == b"months of training"


def test_a_folder_of_weights_elsewhere_is_refused(search, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "thesis.weights.h5").write_bytes(b"months of training")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "checkpoints").symlink_to(tmp_path / "models")
    with pytest.raises(SearchError, match=r"overwrite nothing.*with checkpoints, which"):
        search.run()
    assert len(list((tmp_path / "models").iterdir())) == 1


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.skipif(os.name != "posix", reason="needs pipes")
@pytest.mark.parametrize("make", [make_pipe, Path.touch, lambda path: path.symlink_to(path)])
def test_what_is_no_file_of_a_search_is_refused_and_not_waited_for(search, tmp_path, make):
    place = tmp_path / "one" / "checkpoints" / "trial_000000.weights.h5"
    place.parent.mkdir(parents=True)
    make(place)
    with pytest.raises(SearchError, match=r"overwrite nothing.*/trial_000000.weights.h5, which"):
        search.run()
    assert os.path.lexists(place)


@pytest.mark.skipif(os.name != "posix", reason="needs pipes")
def test_a_link_to_itself_in_the_place_of_a_folder_is_refused(search, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "states").symlink_to(tmp_path / "one" / "states")
    with pytest.raises(SearchError, match=r"overwrite nothing.*with states, which"):
        search.run()


def test_searches_that_are_made_at_once_never_share_a_folder():
    folders = {choose_folder(None, "digits") for _ in range(1000)}
    assert len(folders) == 1000


def test_a_name_does_not_lead_out_of_the_folder_of_runs():
    assert choose_folder(None, "../../a\nb/c").parent.name == "nas_nb_runs"


class InBytes:
    def __fspath__(self):
        return b"folder"


@pytest.mark.parametrize(
    "directory",
    [
        "~nobody_of_this_name/runs",
        "\ud800",
        InBytes(),
        "a\0b",
        "a" * 300,
        "/".join(["a" * 200] * 30),
        b"runs",
        5,
    ],
    ids=["unknown user", "surrogate", "bytes inside", "zero", "long", "deep", "bytes", "number"],
)
@pytest.mark.parametrize("call", [nas.open, nas.replay])
def test_what_no_file_system_takes_as_a_folder_is_one_sentence(call, directory):
    with pytest.raises(SearchError, match=r"^Expected a folder"):
        call(directory)


def test_what_differs_between_two_spaces_is_named() -> None:
    def space(**choices: list[int]) -> dict[str, Any]:
        return {"parameters": [{"name": n, "choices": c} for n, c in choices.items()]}

    was = space(units=[32, 64], depth=[1, 2])
    assert space_differences(was, was) == []
    assert space_differences(was, space(units=[32, 96], depth=[1, 2])) == [
        "units: choices [32, 64], now [32, 96]"
    ]
    assert space_differences(was, space(units=[32, 64], width=[1])) == [
        "no depth any more",
        "width, which it did not have",
    ]
    assert space_differences(was, space(depth=[1, 2], units=[32, 64])) == [
        "its parameters in another order"
    ]
    many = {f"p{at}": [at] for at in range(6)}
    assert space_differences(space(), space(**many))[-1] == "and 3 more"
