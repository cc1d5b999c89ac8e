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
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil

import nas_nb as nas
from nas_nb.notebook.panel.panel import Painter
from nas_nb.notebook.wording import Snapshot
from nas_nb.record.events import encode, make_event
from nas_nb.workers.control import SearchState

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
        painter = Painter(cast(Any, Running(search)))
        painter.paint_once()
        painter.panel._saved(Snapshot(search))
        opened = time.process_time()
        print(
            f"10,000 trials: opened again in {opened - began:.2f} s (nas.open {loaded - began:.2f} "
            f"s, its panel {opened - loaded:.2f} s) of CPU; promised less than 2 s"
        )
        for place, (title, tab) in enumerate(painter.panel.tabs.items()):
            painter.panel.book.selected_index = place
            view = getattr(tab, "view", None)
            for name in ("",) if view is None else view.options:
                if view is not None:
                    view.value = name
                print_frames(f"{title} {name}", painter, search)


class Running:
    """A search as a panel sees it while it runs."""

    state = SearchState.RUNNING

    def __init__(self, search: Any) -> None:
        self._search = search

    def __getattr__(self, name: str) -> Any:
        return getattr(self._search, name)


def print_frames(title: str, painter: Painter, search: Any) -> None:
    """Prints the CPU seconds of a place's frames."""
    panel = painter.panel
    first = paint_s(panel, lambda: None)
    trials = [paint_s(panel, partial(join, search, score)) for score in [0.5, 0.9] * 6]
    best = [paint_s(panel, partial(join, search, 0.999 + more / 1e5)) for more in range(3)]
    anew = [paint_s(panel, partial(forget, panel)) for _ in range(5)]
    kinds = {"with a trial more": trials, "with a new best": best, "drawn anew": anew}
    told = ", ".join(f"{kind} {statistics.median(spent):.3f}" for kind, spent in kinds.items())
    print(f"  {title:<20} {told} s of CPU (first {first:.3f}); promised 0.05 s", flush=True)


def paint_s(panel: Any, happen: Callable[[], None]) -> float:
    """Returns the CPU seconds of the paint after something happened."""
    happen()
    began = time.thread_time()
    panel.paint()
    return time.thread_time() - began


def join(search: Any, score: float) -> None:
    """Lets a completed trial join the history."""
    history, number = search.history, len(search.history)
    values = search.space.domain.sample(np.random.default_rng(number))
    costs = {"params": 5000 + number % 9000}
    for kind, fields in (
        ("trial_proposed", {"values": values, "origin": "x"}),
        ("trial_started", {"attempt": 1, "seed": 1, "epochs": 2}),
        ("trial_built", {"costs": costs}),
        ("epoch_ended", {"epoch": 1, "logs": {"val_accuracy": score}, "duration_s": 0.1}),
        ("trial_ended", {"status": "completed", "score": score, "duration_s": 0.3}),
    ):
        history.apply(make_event(kind, 1.8e9 + number, {"trial": number, **fields}))


def forget(panel: Any) -> None:
    """Lets the next paint draw all, as in another theme."""
    for picture in panel._pictures.values():
        picture.theme(dark=False)


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
    for _ in range(REPAINTS):
        join(search, float(rng.random()))
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
