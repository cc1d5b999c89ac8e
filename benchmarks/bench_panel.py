"""What the panel costs with 10,000 trials in the journal, and after 1,500 repaints.

    python -m benchmarks.bench_panel [size|memory]

Promised: with 10,000 trials it opens in less than 2 s and repaints in less than 0.05 s; repaints
leave the memory as it was. What it takes from the training: `bench_panel_live`.
"""

from __future__ import annotations

import ctypes
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil

import nas_nb as nas
from nas_nb.notebook.panel.painter import Painter
from nas_nb.notebook.snapshot import Snapshot
from nas_nb.record.events import encode, make_event

TRIALS = 10_000
REPAINTS, STAGE = 1500, 300
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
        began = time.process_time()
        search = nas.open(folder)
        loaded = time.process_time()
        painter = Painter(search)
        painter.paint_once()
        painter.panel._saved(Snapshot(search))
        opened = time.process_time()
        print(
            f"10,000 trials: opened again in {opened - began:.2f} s (nas.open {loaded - began:.2f} "
            f"s, its panel {opened - loaded:.2f} s) of CPU; promised less than 2 s"
        )
        for place, (title, tab) in enumerate(painter.panel.tabs.items()):
            painter.panel.book.selected_index = place
            painter.paint_once()
            print(f"  {title:<12} repaint {repaint_s(painter, tab):.3f} s of CPU; promised 0.05 s")


def repaint_s(painter: Painter, tab: Any) -> float:
    """Returns the median CPU seconds of a paint that has to draw."""
    spent = []
    for _ in range(5):
        for picture in painter.panel._pictures.values():
            picture._infos = None
        if hasattr(tab, "_learned"):
            tab._learned.clear()
        began = time.thread_time()
        painter.panel.paint()
        spent.append(time.thread_time() - began)
    return statistics.median(spent)


def bench_memory() -> None:
    """Measures what repaints leave behind, with trials that join and with the same ones.

    A history grows, so the trials that join are applied once more without a panel. What the
    allocator has free, it is asked to give back before the resident memory is read.
    """
    search = nas.Search(CHOICES, "digits", max_trials=10)
    painter = Painter(search)
    painter.panel.book.selected_index = list(painter.panel.tabs).index("Run")
    painter.panel._records.append(cast(Any, Unread()))  # as if a cell showed it
    painter.paint_once()

    def paint() -> None:
        painter.paint_once()
        painter.panel.refresh(Snapshot(search))

    painted = grown(join_one_by_one(search), paint)
    plain = grown(join_one_by_one(nas.Search(CHOICES, "digits", max_trials=10)), lambda: None)
    for stage, ((bytes_, objects), (bare_bytes, bare_objects)) in enumerate(
        zip(painted, plain, strict=True)
    ):
        tell(
            stage,
            "of another picture, beside the trials' own",
            bytes_ - bare_bytes,
            objects - bare_objects,
        )
    for stage, (bytes_, objects) in enumerate(grown(draw_anew(painter), painter.paint_once)):
        tell(stage, "of the same trials, drawn anew", bytes_, objects)


class Unread:
    """A display handle whose page reads nothing."""

    def update(self, bundle: dict[str, Any], raw: bool) -> None:
        """Takes what is shown, and drops it."""


def join_one_by_one(search: Any) -> Iterator[None]:
    """Lets completed trials join the history of a search, one at each step."""
    history, rng = search.history, np.random.default_rng(0)
    history.apply(make_event("search_opened", 0.0, search.settings.opening()))
    for trial in range(REPAINTS):
        values = search.space.domain.sample(rng)
        for kind, fields in (
            ("trial_proposed", {"values": values, "origin": "x"}),
            ("trial_started", {}),
            ("trial_ended", {"status": "completed", "score": float(rng.random())}),
        ):
            history.apply(make_event(kind, float(trial), {"trial": trial, **fields}))
        yield


def draw_anew(painter: Painter) -> Iterator[None]:
    """Makes the picture in view and what is seen of it out of date, at each step."""
    for _ in range(REPAINTS):
        painter.panel.run.picture._infos = None
        painter.panel.inputs += 1
        yield


def grown(steps: Iterator[None], after_each: Callable[[], None]) -> list[tuple[int, int]]:
    """Returns by how many bytes and objects the process grew in each stage but the first."""
    marks = []
    for step, _ in enumerate(steps, start=1):
        after_each()
        if step % STAGE == 0:
            marks.append(held())
    return [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(marks)]


def tell(stage: int, what: str, bytes_: int, objects: int) -> None:
    first = (stage + 1) * STAGE
    print(
        f"repaints {first + 1:>5}-{first + STAGE:<5} {what}: resident {bytes_ / 1e3:+8.1f} kB, "
        f"{objects / STAGE:+.3f} objects of Python a repaint",
        flush=True,
    )


def held() -> tuple[int, int]:
    """Returns the resident bytes of this process, and how many objects it keeps."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # glibc's
        trim(0)
    return psutil.Process().memory_info().rss, len(gc.get_objects())


PARTS = {"size": bench_ten_thousand, "memory": bench_memory}


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
