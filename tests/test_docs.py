"""What the pages tell the reader to run or open is there: code, links, names, tests."""

from __future__ import annotations

import ast
import asyncio
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pages import PAGES, anchors, cells

every_page = pytest.mark.parametrize("page", PAGES)


@every_page
def test_relative_links_lead_somewhere(page: str) -> None:
    path = PAGES[page]
    for target in re.findall(r"\]\((?!https?://)([^)]+)", path.read_text()):
        file, _, anchor = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked.read_text()), target


@every_page
def test_extras_that_it_names_exist(page: str, root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    named = set(re.findall(r'"\.\[(\w+)\]"', PAGES[page].read_text())) - {"NAME"}
    assert named <= project["optional-dependencies"].keys()


@every_page
def test_public_names_that_it_uses_exist(page: str) -> None:
    import nas_nb

    used = set(re.findall(r"\bnas\.(\w+)", PAGES[page].read_text()))
    assert used <= {*nas_nb.__all__, *vars(nas_nb)}


@every_page
def test_tests_and_benchmarks_that_it_names_exist(page: str, root: Path) -> None:
    text = PAGES[page].read_text()
    for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
        assert f"def {name}(" in (root / file).read_text(), name
    files = set(re.findall(r"(?:tests|benchmarks)/\w[\w/]*\.py", text))
    modules = re.findall(r"-m ((?:tests|benchmarks)\.[\w.]+)", text)
    files |= {f"{module.replace('.', '/')}.py" for module in modules}
    assert [file for file in files if not (root / file).exists()] == []


@every_page
def test_magics_that_it_shows_are_read(page: str) -> None:
    from nas_nb.notebook.magic_arguments import ACTIONS, cell_parser

    text = PAGES[page].read_text()
    for line, cell in re.findall(r"^%%nas (.*)\n([^`]*)", text, re.MULTILINE):
        cell_parser().read(line)
        ast.parse(cell)
    for line in re.findall(r"`%nas ([^`]+)`", text):
        assert shlex.split(line)[0] in ACTIONS, line


def test_every_fault_names_the_test_that_causes_it(root: Path) -> None:
    rows = re.findall(r"^\| .*\|$", (root / "docs" / "robustness.md").read_text(), re.MULTILINE)[1:]
    assert rows
    test = r"`(tests/\S+)::(test_\w+)`"
    assert [row for row in rows if not re.search(rf"\| {test}(, {test})* \|$", row)] == []
    named = re.findall(test, "\n".join(rows))
    assert [(f, name) for f, name in named if f"def {name}(" not in (root / f).read_text()] == []


RUNNABLE = {page: cells(path.read_text()) for page, path in PAGES.items()}


def smaller(code: str) -> str:
    for name, value in {"max_trials": 2, "seeds": 1, "epochs": 1}.items():
        code = re.sub(rf"\b{name}=\d+", f"{name}={value}", code)
    return code


def known_names(page: str, folder: Path) -> dict[str, Any]:
    """What a page takes as given: the reader's own data, `build`, and the search before it."""
    import keras
    import pandas as pd
    import tensorflow as tf

    import nas_nb as nas

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 4)).astype("float32"), np.arange(60) % 3

    def build(hp: Any) -> keras.Model:
        hidden = keras.layers.Dense(hp.Int("units", 4, 64), "relu")
        layers = [keras.Input((4,)), hidden, keras.layers.Dense(3, "softmax")]
        model = keras.Sequential(layers)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    names = {"nas": nas, "x": x, "y": y, "x_val": x, "y_val": y, "build": build}
    names |= {
        "frame": pd.DataFrame(x, columns=list("abcd")).assign(price=x[:, 0], kind=list("xyz") * 20),
        "texts": ["a good one", "a bad one", "neither of them"] * 20,
        "labels": ["yes", "no", "neither"] * 20,
        "series": np.sin(np.arange(300) / 9),
        "dataset": tf.data.Dataset.from_tensor_slices((x, y)).batch(8),
    }
    if page == "README.md":
        return names
    if page == "docs/kerastuner.md":
        return names | {"data": nas.Data.from_arrays(x, y)}
    data = nas.load("digits", limit=120)
    space = nas.SearchSpace.from_dict(
        {"layers": ["Conv2D", "Dense"], "units": [32, 64], "activations": ["relu", "tanh"]}
    )
    search = nas.Search(space, data, max_trials=3, epochs=1, directory=folder / "earlier")
    return names | {"data": data, "space": space, "search": search}


@pytest.mark.parametrize("page", [page for page, code in RUNNABLE.items() if code])
def test_its_code_runs_from_top_to_bottom(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = known_names(page, tmp_path)
    if "search" in names:
        names["search"].run()

    async def run() -> None:
        for cell in RUNNABLE[page]:
            code = compile(smaller(cell), page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            ran = eval(code, names)
            if ran is not None:
                await ran

    asyncio.run(run())
