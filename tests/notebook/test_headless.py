"""Where a grader runs a notebook: in the cell, on stdout alone, with an end, and no files about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from nas_nb.environment import MAX_TIME_S, is_headless
from nas_nb.search.folder import choose_folder
from nas_nb.search.search import Search

CELLS = (
    "import nas_nb as nas",
    """
space = nas.SearchSpace.from_dict({"layers": ["Dense"], "units": [4, 8], "activations": ["relu"]})
search = nas.Search(space, "iris", max_trials=2, epochs=1)
search.start()
search
""",
    "search.state.name, search.budget.max_time_s, str(search.directory)",
    "import warnings; warnings.warn('something that a layer says')",
    "search.report()",
)


@pytest.mark.parametrize(
    ("variable", "value", "headless"),
    [
        ("NBGRADER_EXECUTION", "autograde", True),
        ("NBGRADER_EXECUTION", "validate", True),
        ("NAS_NB_HEADLESS", "1", True),
        ("NAS_NB_HEADLESS", "0", False),
    ],
)
def test_it_is_told_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, headless: bool, tmp_path: Path
):
    for name in ("NBGRADER_EXECUTION", "NAS_NB_HEADLESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)
    assert is_headless() is headless
    assert (choose_folder(None, "x").parent.parent == tmp_path) is not headless


@pytest.mark.parametrize(
    ("given", "max_trials", "max_time_s"),
    [
        ({}, 20, 300),
        ({"max_trials": 6}, 6, 300),
        ({"max_time": "10 min"}, 20, 600),
        ({"max_trials": 60, "max_time": None}, 60, 300),
    ],
)
@pytest.mark.parametrize("variable", ["BINDER_SERVICE_HOST", "BINDER_REPO_URL"])
def test_on_binder_a_search_ends_by_itself(
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    given: dict[str, Any],
    max_trials: int,
    max_time_s: float,
):
    monkeypatch.setenv(variable, "somewhere")
    space = {"layers": ["Dense"], "units": [4, 8], "activations": ["relu"]}
    budget = Search(space, "iris", **given).budget
    assert (budget.max_trials, budget.max_time_s) == (max_trials, max_time_s)


@pytest.mark.slow
def test_a_graders_notebook_has_text_and_nothing_on_stderr(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in CELLS])
    client = NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert [o for o in outputs if o.get("name") == "stderr"] == []
    assert not any("widget" in kind for output in outputs for kind in output.get("data", ()))
    assert "Start it with" not in str(outputs)  # it has ended
    said = notebook.cells[2].outputs[0]["data"]["text/plain"]
    assert said.startswith(f"('FINISHED', {MAX_TIME_S}")
    assert "something that a layer says" in notebook.cells[3].outputs[0]["text"]
    assert list(tmp_path.iterdir()) == []
