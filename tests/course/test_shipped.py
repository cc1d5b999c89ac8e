"""The tables that the package carries, and the pages about them."""

from __future__ import annotations

import doctest
import inspect
import re
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import nas_nb as nas
from nas_nb.course.benchmark import SUFFIX, TABLES
from nas_nb.strategy.function import FunctionStrategy

LARGEST = {"digits": 2_000_000, "breast_cancer": 300_000}


def test_the_package_carries_two_tables():
    assert {file.stem for file in TABLES.glob(f"*{SUFFIX}")} == LARGEST.keys()


@pytest.mark.parametrize("name", LARGEST)
def test_a_table_is_whole_and_small(name: str):
    bench = nas.benchmark(name)
    table = bench.table
    assert (TABLES / f"{name}{SUFFIX}").stat().st_size < LARGEST[name]
    assert len(bench) == bench.space.size == len(table.points)
    whole = table.scores[: bench.seeds]
    assert np.isfinite(whole).all()
    assert ((whole > 0) & (whole <= 1)).all()
    assert np.isfinite(table.test[: bench.seeds]).all()
    assert (table.seconds[: bench.seeds] > 0).all()
    assert (table.costs["params"] > 0).all()
    assert table.epochs == tuple(range(1, 13))


def test_the_best_200_of_the_digits_have_ten_more_seeds():
    scores = nas.benchmark("digits").table.scores[:, :, -1]
    counts = np.isfinite(scores).sum(axis=0)
    assert sorted(set(counts.tolist())) == [3, 13]
    assert set(np.argsort(-scores[:3].mean(axis=0))[:150]) <= set(np.where(counts == 13)[0])
    assert (counts == 13).sum() == 200


@pytest.mark.parametrize("name", LARGEST)
def test_equal_counts_tie_exactly(name: str):
    bench = nas.benchmark(name)
    gaps = np.diff(np.sort(bench.table.means[:, -1]))
    assert ((gaps == 0) | (gaps > 1e-9)).all()
    assert [bench.regret(one.values) for one in bench.ranked(2)] == [0, 0]
    assert {bench.query(one.values).score for one in bench.ranked(2)} == {
        bench.table.means[:, -1].max()
    }


def test_the_function_that_the_pages_teach_proposes_what_is_new(root: Path):
    page = (root / "docs" / "strategies.md").read_text()
    for text in (page, inspect.getdoc(FunctionStrategy)):
        source = text[text.index("def propose(") : text.index("return values\n") + 13]
        bench = nas.benchmark("digits")
        names = {"space": SimpleNamespace(domain=bench.space)}
        exec(textwrap.dedent(source), names)
        result = nas.check(names["propose"], bench)
        assert result.passed, result


@pytest.mark.parametrize("name", LARGEST)
def test_the_datasheet_says_what_the_table_holds(name: str, root: Path):
    bench = nas.benchmark(name)
    page = (root / "docs" / "datasheet.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    best = bench.ranked(1)[0]
    told = [cell.strip().replace(",", "") for cell in row.split("|")[2:-1]]
    trainings = int(np.isfinite(bench.table.scores[:, :, -1]).sum())
    counts = [str(count) for count in (len(bench), bench.seeds, trainings)]
    assert told[:4] == [*counts, f"{best.measured.score:.4f}"]


@pytest.mark.parametrize("name", LARGEST)
def test_the_reference_passes_on_it_and_random_search_fails(name: str):
    assert nas.check("evolution", name).passed
    assert not nas.check("random", name).passed


def test_the_page_for_students_is_true(root: Path):
    page = str(root / "docs" / "history-and-domain.md")
    found = doctest.testfile(page, module_relative=False)
    assert found.attempted > 20
    assert found.failed == 0


def test_the_page_for_students_names_what_there_is(root: Path):
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.space.domain import Domain

    page = (root / "docs" / "history-and-domain.md").read_text()
    for name, kind in (("history", History), ("trial", Trial), ("space", Domain)):
        named = set(re.findall(rf"^\| `{name}\.(\w+)", page, re.MULTILINE))
        assert named
        assert named <= {*dir(kind)}
