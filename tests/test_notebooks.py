"""Every notebook runs from top to bottom in a real kernel, on the package as it is released."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import nbformat
import pytest
from nbclient import NotebookClient

import nas_nb
from benchmarks import bench_quickstart

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
TRANSLATED = sorted(FOLDER.glob("zh/*.ipynb"))
every_notebook = pytest.mark.parametrize(
    "path", [*NOTEBOOKS, *TRANSLATED], ids=lambda path: path.relative_to(FOLDER).as_posix()
)
MOST_CODE_CELLS = 20
CELL_LIMIT_S = 240


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    """The outputs of one MIME type, in the order in which a reader meets them."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


@pytest.fixture(scope="module")
def released(tmp_path_factory, root):
    """The folder into which the wheel was installed that the source distribution makes."""
    folder = tmp_path_factory.mktemp("release")
    clone = folder / "clone"
    subprocess.run(["git", "clone", "-q", root, clone], check=True)
    for file in subprocess.check_output(
        ["git", "ls-files", "-moz", "--exclude-standard"], cwd=root, text=True
    ).split("\0")[:-1]:
        if (root / file).exists():
            (clone / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / file, clone / file)
    for command in (
        ["build", "-q", "--no-isolation", "--outdir", folder / "dist", clone],
        ["pip", "install", "-q", "--no-deps", "--no-index", "--target", folder / "site"],
    ):
        wheels = (folder / "dist").glob("*.whl") if command[0] == "pip" else ()
        subprocess.run([sys.executable, "-m", *command, *wheels], check=True)
    return folder / "site"


@pytest.fixture(scope="module")
def executed(tmp_path_factory, released):
    """Runs a notebook once in a folder of its own, and hands it to every test that asks."""
    done: dict[Path, nbformat.NotebookNode] = {}

    def execute(path: Path) -> nbformat.NotebookNode:
        if path not in done:
            notebook = nbformat.read(path, as_version=4)
            folder = str(tmp_path_factory.mktemp(path.stem))
            resources = {"metadata": {"path": folder}}
            notebook.cells.append(nbformat.v4.new_code_cell("import nas_nb; nas_nb.__file__"))
            client = NotebookClient(notebook, timeout=CELL_LIMIT_S, resources=resources)
            client.execute(env={**os.environ, "PYTHONPATH": str(released)})
            home = notebook.cells.pop().outputs[0].data["text/plain"]
            assert home == repr(str(released / "nas_nb" / "__init__.py"))
            done[path] = notebook
        return done[path]

    return execute


@pytest.mark.slow
def test_the_release_has_what_is_no_python_code(released):
    package = Path(nas_nb.__file__).parent
    others = {
        path.relative_to(package)
        for path in package.rglob("*.*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert others
    assert [path for path in others if not (released / "nas_nb" / path).is_file()] == []


def test_there_are_notebooks():
    assert NOTEBOOKS


@every_notebook
def test_notebook_is_committed_without_outputs(path):
    nbstripout = shutil.which("nbstripout", path=Path(sys.executable).parent)
    assert nbstripout, "nbstripout is not installed beside this Python"
    done = subprocess.run([nbstripout, "--verify", path], capture_output=True, check=False)
    assert done.returncode == 0, f"strip it: nbstripout {path}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_short_and_explains_every_cell(path):
    notebook = nbformat.read(path, as_version=4)
    assert len(code_cells(notebook)) <= MOST_CODE_CELLS
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        assert "markdown" in (before.cell_type, cell.cell_type), cell.source


@every_notebook
def test_notebook_opens_on_binder(path):
    page = quote(f"lab/tree/notebooks/{path.relative_to(FOLDER).as_posix()}", safe="")
    link = f"(https://mybinder.org/v2/gh/nas-nb/nas_nb/HEAD?urlpath={page})"
    assert link in nbformat.read(path, as_version=4).cells[0].source
    assert link in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", TRANSLATED, ids=lambda path: path.stem)
def test_a_translation_has_the_code_of_the_original(path):
    original = nbformat.read(FOLDER / path.name, as_version=4)
    translated = nbformat.read(path, as_version=4)
    for cell, other in zip(original.cells, translated.cells, strict=True):
        assert cell.cell_type == other.cell_type
        assert (cell.source == other.source) is (cell.cell_type == "code")


@every_notebook
def test_links_of_a_notebook_lead_somewhere(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\((?!https?:)([^)#]+)", cell.source):
                assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.slow
def test_notebook_runs_from_top_to_bottom(path, executed):
    notebook = executed(path)
    assert all(cell.execution_count for cell in code_cells(notebook))


@pytest.mark.slow
def test_the_executed_quickstart_keeps_a_record_that_needs_no_kernel(executed, root):
    notebook = executed(root / "notebooks" / "01_quickstart.ipynb")
    records = [html for html in outputs_of(notebook, "text/html") if "evolution" in html]
    assert records
    widgets = outputs_of(notebook, "application/vnd.jupyter.widget-view+json")
    assert widgets == [], "a widget without its kernel shows nothing"


@pytest.mark.slow
def test_the_executed_quickstart_shows_its_pictures(executed, root):
    notebook = executed(root / "notebooks" / "01_quickstart.ipynb")
    assert len(outputs_of(notebook, "image/png")) >= 2


def test_the_quickstart_searches_the_space_that_its_figures_were_measured_on():
    quickstart = nbformat.read(NOTEBOOKS[0], as_version=4)
    source = "".join(cell.source for cell in code_cells(quickstart))
    homes = {"layers": "layers.", "activations": "tf.nn."}
    for key, values in bench_quickstart.CHOICES.items():
        listed = ", ".join(f"{homes.get(key, '')}{value}" for value in values)
        assert f'"{key}": [{listed}],' in source
    assert f'objective="val_loss",\n    epochs={bench_quickstart.EPOCHS},\n' in source
