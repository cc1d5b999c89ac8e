"""What the panel costs with 10,000 trials in the journal, and after 3,000 repaints.

    python -m tests.benchmarks.bench_panel [size|memory]

Promised: with 10,000 trials it opens in less than 2 s and repaints in less than 0.2 s; repaints
leave the memory as it was. What it takes from the training: `bench_panel_live`.
"""

from __future__ import annotations

import ctypes
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import nas_nb as nas
from nas_nb.notebook.painter import Painter
from nas_nb.record.events import encode, make_event

TRIALS = 10_000
STAGES = (200, 1000, 2000, 3000)  # repaints; the first find fonts and fill caches
CHOICES = {"layers": ["Dense", "Conv2D"], "units": [16, 32, 64], "activations": ["relu", "tanh"]}


def write_journal(folder: Path) -> None:
    """Writes a journal of 10,000 trials, as a search would have."""
    search = nas.Search(CHOICES, "digits", strategy="random", max_trials=20_000, directory=folder)
    rng, now = np.random.default_rng(0), 1.7e9
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "journal.jsonl").open("wb") as journal:

        def tell(kind: str, **fields: Any) -> None:
            nonlocal now
            now += 0.1
            journal.write(encode(make_event(kind, now, fields)))

        tell("search_opened", session=1, **search.settings.opening())
        for trial in range(TRIALS):
            score = float(rng.beta(20, 3))
            tell("trial_proposed", trial=trial, values=search.space.domain.sample(rng), origin="x")
            tell("trial_started", trial=trial, attempt=1, seed=1, epochs=2)
            tell("trial_built", trial=trial, costs={"params": int(rng.lognormal(9, 1))})
            for epoch in (1, 2):
                logs = {"accuracy": score, "val_accuracy": score - 0.1 / epoch}
                tell("epoch_ended", trial=trial, epoch=epoch, logs=logs, duration_s=0.1)
            tell("trial_ended", trial=trial, status="completed", score=score, duration_s=0.3)
        tell("search_closed", state="stopped")


def bench_ten_thousand() -> None:
    """Measures opening and repainting in this process, where messages go nowhere."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "run"
        write_journal(folder)
        began = time.perf_counter()
        search = nas.open(folder)
        loaded = time.perf_counter()
        painter = Painter(search)
        painter.panel.book.selected_index = 1
        painter.paint_once()
        painter.panel._record()
        opened = time.perf_counter()
        print(
            f"10,000 trials: opened again in {opened - began:.2f} s (nas.open {loaded - began:.2f} "
            f"s, its panel {opened - loaded:.2f} s); promised less than 2 s"
        )
        for place, (title, tab) in enumerate(painter.panel.tabs.items()):
            painter.panel.book.selected_index = place
            painter.paint_once()
            print(f"  {title:<12} repaint {repaint_s(painter, tab):.3f} s of CPU; promised 0.2 s")


def repaint_s(painter: Painter, tab: Any) -> float:
    """Returns the median CPU seconds of a paint that has to draw."""
    spent = []
    for _ in range(5):
        for picture in (getattr(tab, name, None) for name in ("picture", "_picture", "_funnel")):
            if picture is not None:
                picture._drawn = None
        if hasattr(tab, "_learned"):
            tab._learned = 0
        began = time.thread_time()
        painter.panel.paint()
        spent.append(time.thread_time() - began)
    return statistics.median(spent)


def bench_memory() -> None:
    """Measures what the process grows by over 3,000 repaints, each of another picture.

    The history grows meanwhile, so the same trials are applied once more without a panel. What is
    kept shows in the number of Python's objects, which does not depend on the allocator; what the
    allocator has free, it is asked to give back before the resident memory is read.
    """
    search = nas.Search(CHOICES, "digits", max_trials=10)
    painter = Painter(search)
    painter.panel.book.selected_index = 1
    painter.paint_once()
    painted = growth(search, painter.paint_once)
    plain = growth(nas.Search(CHOICES, "digits", max_trials=10), lambda: None)
    print("repaints        resident, of which trials   objects a repaint, beside the trials'")
    stages = zip(pairwise(STAGES), pairwise(painted), pairwise(plain), strict=True)
    for (first, last), (begun, ended), (bare_begun, bare_ended) in stages:
        bytes_, objects = ended[0] - begun[0], ended[1] - begun[1]
        bare_bytes, bare_objects = bare_ended[0] - bare_begun[0], bare_ended[1] - bare_begun[1]
        print(
            f"{first:>5}-{last:<5} {bytes_ / 1e6:+8.2f} MB {bare_bytes / 1e6:+10.2f} MB "
            f"{(objects - bare_objects) / (last - first):+16.3f}"
        )


def growth(search: Any, after_each: Callable[[], None]) -> list[tuple[int, int]]:
    """Returns what the process holds, in bytes and objects, while trials join a history."""
    history, rng = search.history, np.random.default_rng(0)
    history.apply(make_event("search_opened", 0.0, search.settings.opening()))
    stages = []
    for trial in range(STAGES[-1]):
        values = search.space.domain.sample(rng)
        for kind, fields in (
            ("trial_proposed", {"values": values, "origin": "x"}),
            ("trial_started", {}),
            ("trial_ended", {"status": "completed", "score": float(rng.random())}),
        ):
            history.apply(make_event(kind, float(trial), {"trial": trial, **fields}))
        after_each()
        if trial + 1 in STAGES:
            stages.append(held())
    return stages


def held() -> tuple[int, int]:
    """Returns the resident bytes of this process, and how many objects it keeps."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return psutil.Process().memory_info().rss, len(gc.get_objects())


PARTS = {"size": bench_ten_thousand, "memory": bench_memory}


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
