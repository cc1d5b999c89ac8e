"""Searches that nas_nb 0.1 wrote open, and go on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import nas_nb as nas
from nas_nb.errors import SearchError
from nas_nb.record.journal import read_events, read_history
from tests.record.test_old_names import FORMAT_1
from tests.search.tiny import CHOICES, tiny_data, tiny_search

pytestmark = pytest.mark.filterwarnings("ignore:The search in .* was opened again")

SPACES: dict[str, Any] = {
    "gradient": lambda: nas.spaces.nasbench201_cell(cells=1, width=4, stages=2),
}
WITHDRAWN = ("funnel",)
FILES = [file for file in sorted(FORMAT_1.glob("*.jsonl")) if file.stem not in WITHDRAWN]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_old_search_opens_and_goes_on(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / file.stem
    folder.mkdir()
    shutil.copy(file, folder / "journal.jsonl")
    before = read_history(file)
    given = {"space": SPACES[file.stem]()} if file.stem in SPACES else {}
    search = nas.open(folder, **given)
    assert search.trials["score"].tolist() == [trial.score for trial in before]
    search.configure(max_trials=len(before) + 1)
    search.run()
    assert len(search.history) == len(before) + 1
    opened = [event for event in read_events(folder / "journal.jsonl") if "journal" in event]
    assert [event["journal"] for event in opened] == [1, 2]
    assert search.history[len(before)].status == "completed"


@pytest.mark.parametrize("event", ["search_opened", "trial_proposed"])
def test_a_search_on_smaller_images_is_read_and_no_longer_goes_on(
    event: str, tmp_path: Path
) -> None:
    folder = tmp_path / "smaller"
    tiny_search(folder, max_trials=1).run()
    file = folder / "journal.jsonl"
    events = [json.loads(line) for line in file.read_text().splitlines()]
    said = next(one for one in events if one["event"] == event)
    said["fidelity"] = {**said.get("fidelity", {}), "resolution": 0.5}
    file.write_text("".join(f"{json.dumps(one)}\n" for one in events))
    assert len(nas.replay(folder)) == 1
    with pytest.raises(SearchError, match=r"resolution=0\.5.*withdrawn.*nas\.replay"):
        nas.open(folder, data=tiny_data(), space=CHOICES).start()
