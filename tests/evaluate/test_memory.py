from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from nas_nb.evaluate import backend


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: Any) -> None:
    monkeypatch.delenv("MEM_LIMIT", raising=False)
    monkeypatch.setattr(backend, "CGROUP_LIMITS", ())
    monkeypatch.setattr(backend, "_gpus_bytes", lambda: ())


def test_without_a_limit_it_is_the_machines() -> None:
    assert backend.container_bytes() is None
    assert backend.device_bytes() == psutil.virtual_memory().total


def test_what_the_container_gives_counts(monkeypatch: Any, tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("2000000\n")
    monkeypatch.setattr(backend, "CGROUP_LIMITS", (limit,))
    assert backend.device_bytes() == 2_000_000
    monkeypatch.setenv("MEM_LIMIT", "1000000")
    assert backend.device_bytes() == 1_000_000


def test_the_smallest_gpu_counts_where_it_has_less(monkeypatch: Any) -> None:
    monkeypatch.setattr(backend, "_gpus_bytes", lambda: (3_000, 2_000))
    assert backend.device_bytes() == 2_000
