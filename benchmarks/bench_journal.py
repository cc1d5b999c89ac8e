"""How long a journal takes to load, and to append to as it grows.

Run it with `python benchmarks/bench_journal.py`. Expected: 10,000 trials of 10 epochs load
in under 2 s, and an append costs the same after 100 trials as after 10,000.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from nas_nb.record.journal import Journal, read_history

TRIALS, EPOCHS = 10_000, 10
MARKS = (100, 1_000, 10_000)
WINDOW = 50
"""Trials before each mark over which the median cost of an append is taken."""


def open_search(journal: Journal) -> None:
    journal.append("search_opened", objective="val_accuracy", direction="max", seed=0)


def run_trial(journal: Journal, number: int) -> tuple[list[float], float]:
    """Appends what a search appends for one trial, and reads what a strategy reads before it.

    Returns:
        The seconds of each event that is only handed to the operating system, and of the one
        that is forced to the disk.
    """
    values = {
        "depth": number % 3 + 1,
        "units_1": 2 ** (number % 7),
        "activation_1": "relu",
        "learning_rate": 1e-3 + 1e-9 * number,
    }
    taken = []

    def append(kind: str, **fields: object) -> None:
        began = time.perf_counter()
        journal.append(kind, trial=number, **fields)
        taken.append(time.perf_counter() - began)

    assert not journal.history.has_tried(values)
    assert len(journal.history.completed) == number
    append("trial_proposed", values=values, origin="evolution")
    append("trial_started", attempt=1, seed=number, epochs=EPOCHS)
    append("trial_built", costs={"params": 1000 + number}, note=None)
    for epoch in range(1, EPOCHS + 1):
        logs = {
            "loss": 1 / epoch,
            "accuracy": 1 - 1 / epoch,
            "val_loss": 1.1 / epoch,
            "val_accuracy": 0.9 - 0.8 / epoch + 1e-6 * number,
        }
        append("epoch_ended", epoch=epoch, logs=logs, duration_s=0.125)
    score = 0.8 + 1e-6 * number
    append("trial_ended", status="completed", score=score, reason=None, duration_s=1.3)
    return taken[:-1], taken[-1]


def bench(journal: Journal, label: str) -> None:
    """Runs the trials and prints the median cost of an append before each mark."""
    open_search(journal)
    handed: list[float] = []
    forced: list[float] = []
    for number in range(TRIALS):
        each, last = run_trial(journal, number)
        handed = [*handed[-WINDOW * len(each) :], *each]
        forced = [*forced[-WINDOW:], last]
        if number + 1 in MARKS:
            print(
                f"append, {label}, at {number + 1:>6,} trials: "
                f"{statistics.median(handed) * 1e6:6.1f} us, "
                f"end of a trial (fsync on disk) {statistics.median(forced) * 1e6:7.1f} us"
            )


def main() -> None:
    bench(Journal.in_memory(), "in memory")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        with Journal.open(path) as journal:
            bench(journal, "on disk  ")
        megabytes = path.stat().st_size / 1e6
        for attempt in (1, 2, 3):
            began = time.perf_counter()
            history = read_history(path)
            seconds = time.perf_counter() - began
            print(
                f"load {attempt}: {len(history):,} trials, {history.epochs_spent:,} epochs, "
                f"{megabytes:.0f} MB: {seconds:.2f} s"
            )
        began = time.perf_counter()
        count = len(history.trials)
        print(f"first snapshot of {count:,} trials: {time.perf_counter() - began:.3f} s")


if __name__ == "__main__":
    main()
