"""Builds the site: `sphinx-build -W docs build/site`, with the extra `docs` and no network."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from nbclient import NotebookClient

import nas_nb

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment
    from sphinx.writers.html5 import HTML5Translator

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent / "notebooks"
TUTORIALS = sorted([*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("zh/*.ipynb")])
EXECUTED = HERE.parent / "build" / "notebooks"
AT_ONCE = 3  # notebooks that run beside each other: each waits now and then
RUNNING: list[Future[None]] = []
REPOSITORY = "https://github.com/nas-nb/nas_nb/blob/main/"

project = "nas_nb"
author = "The nas_nb developers"
version = release = nas_nb.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["tutorials/.ipynb_checkpoints"]

html_theme = "furo"
html_title = f"nas_nb {release}"
html_copy_source = False
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # `_bring_tutorials` runs them, a translation never
nb_output_stderr = "remove"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # else the pages would ask a CDN for widgets
suppress_warnings = ["mystnb.unknown_mime_type"]  # a panel has its picture and text beside it

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_rtype = False
add_module_names = False
default_role = "code"


def _links_of_the_site(source: str, folder: str) -> str:
    """Returns a page whose links to files of the repository lead where a reader of the site can."""

    def target(match: re.Match[str]) -> str:
        file, mark, anchor = match[1].partition("#")
        path = (HERE / folder / file).resolve()
        inside = path.is_relative_to(HERE)
        if not file or (inside and not folder):
            return match[0]
        if inside:
            return f"]({path.relative_to(HERE).as_posix()}{mark}{anchor})"
        name = path.relative_to(HERE.parent).as_posix()
        page = PAGES_OUTSIDE.get(name)
        return f"]({page}{mark}{anchor})" if page else f"]({REPOSITORY}{name}{mark}{anchor})"

    return re.sub(r"\]\((?!https?:|#)([^)\s]+)\)", target, source)


PAGES_OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    ".github/CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    **{
        f"notebooks/{path.relative_to(NOTEBOOKS)}": f"tutorials/{path.relative_to(NOTEBOOKS)}"
        for path in TUTORIALS
    },
}


def _on_page(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname.startswith("tutorials/") and app.config.run_tutorials:
        source[0] = _page_with_outputs(NOTEBOOKS / f"{docname.removeprefix('tutorials/')}.ipynb")
    elif (HERE / f"{docname}.md").exists() and "/" not in docname:
        source[0] = _links_of_the_site(source[0], "")


def _on_include(app: Sphinx, relative_path: Path, parent_docname: str, content: list[str]) -> None:
    folder = Path(relative_path).parent
    text = re.sub(r"\[!\[([^\]]*)\]\(https?:[^)]*\)\]", r"[\1]", content[0])  # no foreign picture
    content[0] = _links_of_the_site(text, folder.as_posix())


def _as_rest(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Turns the fenced code of a docstring into what reStructuredText has for it."""
    fenced = False
    turned: list[str] = []
    for line in lines:
        if not line.lstrip().startswith("```"):
            turned.append(f"   {line}" if fenced and line else line)
            continue
        fenced = not fenced
        indent = line[: len(line) - len(line.lstrip())]
        turned.extend(["", f"{indent}.. code-block:: python", ""] if fenced else [""])
    lines[:] = turned


def _as_mathml(writer: HTML5Translator, node: nodes.Element) -> None:
    """Writes a formula as MathML, which browsers show by themselves: MathJax is another host's."""
    formula = tex2mathml(node.astext())
    block = isinstance(node, nodes.math_block)
    writer.body.append(f"<div>{formula}</div>" if block else formula)
    raise nodes.SkipNode


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _kept(notebook: NotebookNode) -> Path:
    """Returns where the outputs of such cells are kept: elsewhere after a change of the package."""
    package = sorted((HERE.parent / "nas_nb").rglob("*.py"))
    parts = [*(cell.source.encode() for cell in _code(notebook)), *map(Path.read_bytes, package)]
    return EXECUTED / f"{hashlib.sha256(b''.join(parts)).hexdigest()[:16]}.ipynb"


async def _run(notebooks: dict[Path, NotebookNode]) -> None:
    """Runs those whose outputs are not kept, each in a kernel and a folder of its own."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def run(kept: Path, notebook: NotebookNode) -> None:
        async with turns:
            with tempfile.TemporaryDirectory() as folder:
                resources = {"metadata": {"path": folder}}
                await NotebookClient(notebook, timeout=600, resources=resources).async_execute()
        nbformat.write(notebook, kept)

    EXECUTED.mkdir(parents=True, exist_ok=True)
    await asyncio.gather(*(run(*one) for one in notebooks.items() if not one[0].exists()))


def _bring_tutorials(app: Sphinx, config: Config) -> None:
    """Writes the tutorials into the source folder, and starts them where outputs are wanted."""
    notebooks = {path: nbformat.read(path, as_version=4) for path in TUTORIALS}
    for path, notebook in notebooks.items():
        copied = HERE / "tutorials" / path.relative_to(NOTEBOOKS)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_text(_page(notebook), encoding="utf-8")
    if config.run_tutorials:
        # What the reference imports meanwhile makes it tell of each notebook.
        logging.getLogger("traitlets").setLevel(logging.WARNING)
        runs = _run({_kept(one): one for one in notebooks.values()})
        RUNNING.append(ThreadPoolExecutor(1).submit(asyncio.run, runs))


def _tutorials_last(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Has all other pages read while the tutorials run."""
    docnames.sort(key=lambda name: name.startswith("tutorials/"))


def _page_with_outputs(path: Path) -> str:
    """Returns the source of a tutorial's page, once the tutorials have run."""
    for running in RUNNING:
        running.result()
    notebook = nbformat.read(path, as_version=4)
    executed = nbformat.read(_kept(notebook), as_version=4)
    notebook.metadata = executed.metadata
    for cell, run in zip(_code(notebook), _code(executed), strict=True):
        cell.outputs, cell.execution_count = run.outputs, run.execution_count
    return _page(notebook)


def _page(notebook: NotebookNode) -> str:
    return re.sub(r"(\]\((?:\.\./)+)docs/", r"\1", nbformat.writes(notebook))


def setup(app: Sphinx) -> dict[str, bool]:
    """Brings the tutorials into the source folder, and sees to links between the two."""
    app.add_config_value("run_tutorials", True, "env")
    app.add_html_math_renderer("mathml", (_as_mathml, None), (_as_mathml, None))
    app.connect("config-inited", _bring_tutorials)
    app.connect("env-before-read-docs", _tutorials_last)
    app.connect("source-read", _on_page)
    app.connect("include-read", _on_include)
    app.connect("autodoc-process-docstring", _as_rest, priority=900)  # after napoleon
    return {"parallel_read_safe": False}  # the tutorials run in a thread of this process
