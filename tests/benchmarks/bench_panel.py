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
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import nas_nb as nas
from nas_nb.notebook.painter import Painter
from nas_nb.record.events import encode, make_event

TRIALS = 10_000
REPAINTS, STAGE = 3000, 500
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
    """Measures what 3,000 repaints leave behind, each of a picture that is drawn anew.

    No trial joins meanwhile: a history grows, and its growth is not the panel's. What the allocator
    has free, it is asked to give back before the resident memory is read.
    """
    search = nas.Search(CHOICES, "digits", max_trials=10)
    apply_trials(search, 200)
    painter = Painter(search)
    painter.panel.book.selected_index = list(painter.panel.tabs).index("Watch")
    painter.paint_once()
    before = held()
    for repaint in range(1, REPAINTS + 1):
        painter.panel.watch.picture._drawn = None
        painter.panel.inputs += 1
        painter.paint_once()
        if repaint % STAGE == 0:
            after = held()
            bytes_, objects = after[0] - before[0], after[1] - before[1]
            print(
                f"repaints {repaint - STAGE + 1:>5}-{repaint:<5} resident {bytes_ / 1e3:+8.1f} kB "
                f"of {after[0] / 1e6:.0f} MB, {objects:+} objects of Python"
            )
            before = after


def apply_trials(search: Any, count: int) -> None:
    """Tells a search's history of so many completed trials."""
    history, rng = search.history, np.random.default_rng(0)
    history.apply(make_event("search_opened", 0.0, search.settings.opening()))
    for trial in range(count):
        values = search.space.domain.sample(rng)
        for kind, fields in (
            ("trial_proposed", {"values": values, "origin": "x"}),
            ("trial_started", {}),
            ("trial_ended", {"status": "completed", "score": float(rng.random())}),
        ):
            history.apply(make_event(kind, float(trial), {"trial": trial, **fields}))


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
