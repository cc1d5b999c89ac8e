"""What the panel costs: with 10,000 trials in the journal, and while a model trains.

    python -m tests.benchmarks.bench_panel [size|memory|training]

Promised: with 10,000 trials it opens in less than 2 s and repaints in less than 0.2 s; an open
panel takes less than 2 % of the training's throughput; a click reaches its callback in less than
100 ms (median) while a model trains; 1,000 repaints leave the memory as it was. Throughput and
clicks are measured in a real kernel: the same search, trial for trial, takes turns with a panel,
without, and without again, which tells what chance does. On two cores the kernel's CPU seconds an
epoch tell the panel's share best: the wall clock also has what else the machine does.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from jupyter_client.manager import start_new_kernel

import nas_nb as nas
from nas_nb.notebook.painter import Painter
from nas_nb.record.events import encode, make_event

TRIALS = 10_000
ROUNDS = 6
SEARCHED = 16
PANEL, HIDDEN, AGAIN = "panel", "hidden", "hidden again"
CLICKS = 40
REPAINTS, WARM = 1000, 500
CHOICES = {"layers": ["Dense", "Conv2D"], "units": [16, 32, 64], "activations": ["relu", "tanh"]}

PREPARE = f"""
import json, time
import nas_nb as nas
nas.use(nas.load("digits"))

def spent(with_panel):
    search = nas.Search({CHOICES!r}, strategy="random", max_trials={SEARCHED}, epochs=20, seed=1)
    if with_panel:
        search.panel()
    began, cpu = time.monotonic(), time.process_time()
    search.start()
    search.wait()
    epochs = search.history.epochs_spent
    return [(time.monotonic() - began) / epochs, (time.process_time() - cpu) / epochs]

spent(True), spent(False)
"""
MEASURE = "print(json.dumps([spent(with_panel) for with_panel in {kinds}]))"
TRAIN = f"""
search = nas.Search({CHOICES!r}, strategy="random", max_trials=10_000, epochs=50)
search.panel()
search.start()
panel, arrived = search._painter.panel, []
panel.buttons.pause.on_click(lambda _: arrived.append(time.time()))
panel.buttons._ask = lambda action: None  # the click is counted, and pauses nothing
time.sleep(3)
print(json.dumps(panel.buttons.pause.model_id))
"""
ARRIVED = "search.stop(); search.wait(); print(json.dumps(arrived))"


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
        print(f"10,000 trials: journal read in {loaded - began:.2f} s, panel open after another ")
        print(f"  {opened - loaded:.2f} s; promised less than 2 s")
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
    """Measures what the process grows by over 1,000 repaints, each of another picture.

    The history grows meanwhile, so the same trials are applied once more without a panel.
    """
    search = nas.Search(CHOICES, "digits", max_trials=10)
    painter = Painter(search)
    painter.panel.book.selected_index = 1
    painter.paint_once()
    painted = growth_mb(search, painter.paint_once)
    plain = growth_mb(nas.Search(CHOICES, "digits", max_trials=10), lambda: None)
    print(
        f"memory: {painted:+.1f} MB over the last {REPAINTS - WARM} of {REPAINTS} repaints, of "
        f"which {plain:+.1f} MB are the trials themselves"
    )


def growth_mb(search: Any, after_each: Callable[[], None]) -> float:
    """Returns by how many MB the process grows while trials are added to a history."""
    history, rng, process = search.history, np.random.default_rng(0), psutil.Process()
    history.apply(make_event("search_opened", 0.0, search.settings.opening()))
    before = 0
    for trial in range(REPAINTS):
        values = search.space.domain.sample(rng)
        for kind, fields in (
            ("trial_proposed", {"values": values, "origin": "x"}),
            ("trial_started", {}),
            ("trial_ended", {"status": "completed", "score": float(rng.random())}),
        ):
            history.apply(make_event(kind, float(trial), {"trial": trial, **fields}))
        after_each()
        if trial + 1 in (WARM, REPAINTS):
            gc.collect()
            before, resident = process.memory_info().rss, before
    return (before - resident) / 1e6


def bench_while_training() -> None:
    """Measures throughput and clicks in a kernel."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        ask(client, PREPARE)
        runs = [one_round(client, number) for number in range(ROUNDS)]
        for place, name in enumerate(("wall-clock", "CPU")):
            for label, kind, than in (("panel", PANEL, HIDDEN), ("A/A control", AGAIN, HIDDEN)):
                more = [run[kind][place] / run[than][place] - 1 for run in runs]
                each = statistics.median(run[kind][place] for run in runs)
                print(
                    f"{name:<10} {1e3 * each:.2f} ms an epoch, {label}: median "
                    f"{statistics.median(more):+.1%}, mean {statistics.mean(more):+.1%} "
                    f"({min(more):+.1%} to {max(more):+.1%}, {ROUNDS} rounds); promised 2 %"
                )
        comm = ask(client, TRAIN)
        sent = [click(client, comm) for _ in range(CLICKS)]
        waits = [b - a for a, b in zip(sent, ask(client, ARRIVED), strict=True)]
        print(
            f"click to callback while training: median {1e3 * statistics.median(waits):.0f} ms, "
            f"largest {1e3 * max(waits):.0f} ms of {CLICKS}; promised 100 ms"
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def one_round(client: Any, number: int) -> dict[str, list[float]]:
    """Runs the same search with the panel, without, and without again, in a turning order."""
    order = [PANEL, HIDDEN, AGAIN]
    order = order[number % 3 :] + order[: number % 3]
    found = ask(client, MEASURE.format(kinds=[kind == PANEL for kind in order]))
    return dict(zip(order, found, strict=True))


def ask(client: Any, code: str) -> Any:
    """Runs code in the kernel and returns what it printed last, read as JSON."""
    client.execute(code)
    said = None
    while True:
        message = client.get_iopub_msg(timeout=900)
        content = message["content"]
        if message["msg_type"] == "error":
            raise RuntimeError("\n".join(content["traceback"]))
        if message["msg_type"] == "stream" and content["name"] == "stdout":
            said = content["text"].strip().splitlines()[-1] if content["text"].strip() else said
        idle = message["msg_type"] == "status" and content["execution_state"] == "idle"
        if idle and message["parent_header"].get("msg_type") == "execute_request":
            return json.loads(said) if said and said[0] in '["' else None


def click(client: Any, comm: str) -> float:
    """Sends what a page sends when a button is pressed; returns the time of it."""
    data = {"method": "custom", "content": {"event": "click"}}
    content = {"comm_id": comm, "data": data}
    time.sleep(0.1)
    sent = time.time()
    client.shell_channel.send(client.session.msg("comm_msg", content))
    return sent


PARTS = {"size": bench_ten_thousand, "memory": bench_memory, "training": bench_while_training}


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
