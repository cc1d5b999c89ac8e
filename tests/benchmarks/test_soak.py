from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import run_soak
from benchmarks.soak_memory import ALLOWED, growth, memory_by_trial


@pytest.mark.slow
def test_a_search_under_damage_keeps_every_promise(tmp_path: Path):
    soak = run_soak(tmp_path, trials=24, kills=2, seed=3)
    assert soak.broken == []
    assert soak.kills >= 1  # a quick kernel may be done before the second
    assert soak.counts["completed"] + soak.counts["failed"] == 24


@pytest.mark.slow
def test_memory_stays_flat_over_many_small_trials(tmp_path: Path):
    seen = memory_by_trial(tmp_path, trials=80, batch_size=256)
    assert len(seen) == 80
    assert growth(seen) < ALLOWED
