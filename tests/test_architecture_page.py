"""The pages of architecture and journal tell what is there: paths, layers, events, fields."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

import nas_nb as nas
from benchmarks.trial_files import entered_in_a_kernel
from nas_nb.record.events import FIELDS, SteerAction
from tests.pages import PAGES

PAGE = PAGES["docs/architecture.md"].read_text()
JOURNAL = PAGES["docs/journal.md"].read_text()


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_it_names_exists(page: str, root: Path) -> None:
    named = re.findall(
        r"`((?:nas_nb|tests|docs|benchmarks|notebooks)/[\w/.]*)`", PAGES[page].read_text()
    )
    assert [path for path in named if not (root / path).exists()] == []


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_its_layers_are_those_of_the_contract(root: Path) -> None:
    linter = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in linter["contracts"] if c["type"] == "layers")
    checked = [set(re.findall(r"nas_nb\.(\w+)", layer)) for layer in layers]
    told = [
        set(re.findall(r"`nas_nb/(\w+)", row.split("|")[1]))
        for row in re.findall(r"^\| `.*", section("Layers"), re.MULTILINE)
    ]
    assert checked == told


def test_every_folder_and_file_at_the_top_of_the_package_is_told(root: Path) -> None:
    found = {path.stem for path in (root / "nas_nb").iterdir() if not path.name.startswith(".")}
    told = set(re.findall(r"`nas_nb/(\w+)", section("Layers")))
    assert found - told - {"__pycache__", "py"} == set()


def rows(text: str) -> dict[str, tuple[set[str], set[str]]]:
    """The required and the other fields by kind of event, as the page's table has them."""
    found = {}
    for kind, fields in re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.MULTILINE):
        required, _, optional = fields.partition("[")
        found[kind] = set(re.findall(r"`(\w+)`", required)), set(re.findall(r"`(\w+)`", optional))
    return found


def test_the_journals_events_and_fields_are_those_of_the_code() -> None:
    told = rows(JOURNAL)
    assert FIELDS.keys() <= told.keys()
    for kind, types in FIELDS.items():
        required, optional = told[kind]
        assert required == {name for name, one in types.items() if type(None) not in one}, kind
        assert types.keys() - required <= optional, kind


def test_every_field_that_a_search_writes_is_told(tmp_path: Path) -> None:
    space = {"layers": ["Dense"], "units": [4, 8], "activations": ["relu"], "depth": [1, 2]}
    data = nas.load("iris")
    search = nas.Search(space, data, max_trials=2, epochs=1, directory=tmp_path / "one")
    search.steer.at_least(units=8)
    search.run()
    search.steer.more_epochs(0, 1)
    told = rows(JOURNAL)
    for line in (tmp_path / "one" / "journal.jsonl").read_text().splitlines():
        event = json.loads(line)
        fields = event.keys() - {"event", "time"}
        assert fields <= set().union(*told[event["event"]]), event["event"]


def test_the_actions_of_steering_are_those_of_the_code() -> None:
    table = JOURNAL.split("| action |")[1]
    told = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)))
    assert set(told) == set(SteerAction)


def test_what_the_page_says_decides_is_in_the_files_that_it_names(root: Path) -> None:
    rows = re.findall(r"^\| [^|]*\? \| (.*) \|$", section("Where is X decided?"), re.MULTILINE)
    assert len(rows) > 5
    for row in rows:
        told = re.findall(r"`([^`]+)`", row)
        code = "".join((root / path).read_text() for path in told if path.endswith(".py"))
        names = [name for name in told if re.fullmatch(r"\w+", name)]
        assert [name for name in names if not re.search(rf"\b{name}\b", code)] == [], row


@pytest.mark.slow
@pytest.mark.tensorflow
def test_the_files_that_a_trial_enters_are_those_of_the_page() -> None:
    told = set(re.findall(r"`(nas_nb/[\w/]+\.py)`", section("One trial, step by step")))
    assert set(entered_in_a_kernel()) - told == set()
