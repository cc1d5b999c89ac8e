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


@pytest.mark.tensorflow
def test_the_memory_of_gpus_is_taken_as_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    grown: list[tuple[str, bool]] = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["one", "two"])
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda card, on: grown.append((card, on))
    )
    assert backend.share_gpus() is None
    assert grown == [("one", True), ("two", True)]

    def too_late(card: str, on: bool) -> None:
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", too_late)
    assert "before the search began" in str(backend.share_gpus())
