from __future__ import annotations

from pathlib import Path

from tests.benchmarks.soak import run_soak


def test_a_search_under_damage_keeps_every_promise(tmp_path: Path):
    soak = run_soak(tmp_path, trials=24, kills=2, seed=3)
    assert soak.broken == []
    assert soak.kills >= 1  # a quick kernel may be done before the second
    assert soak.counts["completed"] + soak.counts["failed"] == 24
