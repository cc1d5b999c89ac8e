from __future__ import annotations

from pathlib import Path

import pytest

from nas_nb.errors import SearchError
from nas_nb.search.runs import Runs
from nas_nb.search.search import Search
from tests.search.tiny import tiny_data, tiny_search


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def search(folder: Path) -> Search:
    return tiny_search(folder / "first", max_trials=1, epochs=1).run()


def test_the_searches_under_a_folder_are_a_table(search: Search, folder: Path) -> None:
    (folder / "torn" / "deep").mkdir(parents=True)
    (folder / "torn" / "deep" / "journal.jsonl").write_text("no journal\n")
    (folder / "notes.txt").write_text("no search")
    runs = Runs(folder, Search.open)
    table = runs.frame()
    assert [*table.index] == ["first", "torn/deep"]
    row = table.loc["first"]
    assert (row["search"], row["state"], row["trials"]) == ("tiny", "finished", 1)
    assert row["best"] == search.best.score
    assert row["size_mb"] > 0
    assert table.loc["torn/deep", "state"] == "unreadable"
    assert "first" in repr(runs)
    assert runs.open("first", data=tiny_data()).best.score == search.best.score


def test_a_search_is_deleted_when_somebody_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_search(tmp_path / "one", max_trials=1, epochs=1).run()
    runs = Runs(tmp_path, Search.open)
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "n")
    assert not runs.delete("one")
    assert "1 trials" in asked[0]
    assert runs.names == ["one"]
    for name in ("..", "two", "."):
        with pytest.raises(SearchError, match="Expected the folder of a search"):
            runs.delete(name, ask=False)
    assert runs.delete("one", ask=False)
    assert [*tmp_path.iterdir()] == []


def test_two_searches_side_by_side_say_whether_they_can_be_told_apart(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 1)):
        tiny_search(tmp_path / name, max_trials=2, epochs=1, seed=seed).run()
    found = Runs(tmp_path, Search.open).compare("one", "two")
    table, curves = found.frame(), found.curves()
    assert {*table.index} == {*curves.columns} == {"one", "two"}
    assert table["best"].is_monotonic_decreasing
    assert [*curves.index] == [1, 2]
    assert curves.iloc[-1].max() == table["best"].max()
    assert f"{found.labels[0]} is" in found.text
    ahead = table["best"].iloc[0] - table["best"].iloc[1]
    error = 2 * (table["error"] ** 2).sum() ** 0.5
    assert f"which is {'within' if ahead <= error else 'beyond'} noise" in found.text
    assert found.text in repr(found)


def test_what_cannot_be_compared_is_refused_or_said(tmp_path: Path) -> None:
    tiny_search(tmp_path / "loss", max_trials=1, epochs=1, objective="val_loss").run()
    tiny_search(tmp_path / "share", max_trials=1, epochs=1).run()
    runs = Runs(tmp_path, Search.open)
    with pytest.raises(SearchError, match=r"2 with val_accuracy .max. and val_loss .min."):
        runs.compare()
    with pytest.raises(SearchError, match="two or more searches"):
        runs.compare("loss")


def test_a_folder_that_is_not_there_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="Expected a folder with searches"):
        Runs(tmp_path / "none", Search.open)
