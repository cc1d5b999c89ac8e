"""Killed, or failing, at any of the system calls that change its folder, a search loses nothing."""

from __future__ import annotations

import gc
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas_nb.errors import NasError
from nas_nb.search.search import Search
from tests.search.robustness.system_calls import KilledError, SystemCalls, full_disk
from tests.search.tiny import tiny_search

SAMPLE = 14
"""Calls that are tried; `python -m benchmarks.bench_kills` tries all, with processes that die."""


def search_of(folder: Path) -> Search:
    return tiny_search(folder, max_trials=3, epochs=2)


def found(folder: Path) -> dict[str, Any]:
    """What a search has left: everything that has to be the same, killed or not."""
    search = search_of(folder)
    weights = search.best.model().get_weights()
    return {
        "trials": [(t.values, t.status, t.score, tuple(t.curve)) for t in search.history],
        "weights": [np.asarray(array).tobytes() for array in weights],
        "files": sorted(str(file.relative_to(folder)) for file in folder.glob("*/*")),
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int]:
    """What is left of a search that nothing happened to, and how many calls it made."""
    folder = tmp_path_factory.mktemp("whole") / "project"
    with SystemCalls(folder) as calls:
        search_of(folder).run()
    assert {"open", "write", "fsync", "mkdir", "replace"} <= set(calls.made)
    return found(folder), len(calls.made)


@pytest.mark.parametrize("part", range(SAMPLE))
@pytest.mark.usefixtures("fresh_garbage")
def test_a_search_that_is_killed_at_a_call_goes_on_as_if_it_had_not_been(
    tmp_path: Path, whole: tuple[dict[str, Any], int], part: int
) -> None:
    expected, calls = whole
    folder = tmp_path / "project"
    search = search_of(folder)
    with SystemCalls(folder, at=1 + (calls - 1) * part // (SAMPLE - 1)), suppress(KilledError):
        search.run()
    del search
    gc.collect()  # the dead hold no lock
    search_of(folder).run()
    assert found(folder) == expected


@pytest.mark.parametrize("part", range(SAMPLE))
def test_a_call_that_fails_is_a_sentence_or_a_word_in_the_row(
    tmp_path: Path, whole: tuple[dict[str, Any], int], part: int
) -> None:
    expected, calls = whole
    folder = tmp_path / "project"
    at = 1 + (calls - 1) * part // (SAMPLE - 1)
    with SystemCalls(folder, at=at, then=full_disk), suppress(NasError):
        search_of(folder).run()
    search = search_of(folder)
    search.run()
    assert [(t.values, t.status, t.score, tuple(t.curve)) for t in search.history] == expected[
        "trials"
    ]
