"""How much memory the reading of a large journal takes.

    python -m benchmarks.journal_memory --trials 100000

Writes a journal of trials of 10 epochs, then reads it in a process of its own, as `read_history`
and as an opening search do; prints by how much the resident memory grew at most and in the end.
Ends with status 1 if 100,000 trials take more than 300 MB.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from nas_nb.record.events import encode, make_event
from nas_nb.record.journal import Journal, read_history

EPOCHS, ALLOWED_MB = 10, 300.0
READERS = ("read_history", "Journal.open")


def events(trials: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields what a search writes; every number differs, as measured ones do."""
    yield "search_opened", {"objective": "val_accuracy", "direction": "max", "seed": 0}
    for number in range(trials):
        values = {
            "depth": number % 3 + 1,
            "units_1": 2 ** (number % 7),
            "activation_1": "relu",
            "learning_rate": 1e-3 + 1e-9 * number,
        }
        about = {"trial": number}
        yield "trial_proposed", {**about, "values": values, "origin": "evolution"}
        yield "trial_started", {**about, "attempt": 1, "seed": number, "epochs": EPOCHS}
        yield "trial_built", {**about, "costs": {"params": 1000 + number, "macs": 9000 + number}}
        for epoch in range(1, EPOCHS + 1):
            measured = (number % 9_973 + 1) / (epoch * 10_007)
            logs = {
                "loss": measured,
                "accuracy": 1 - measured,
                "val_loss": 1.1 * measured,
                "val_accuracy": 0.9 - 0.8 * measured,
            }
            took = 0.1 + 1e-3 * measured
            yield "epoch_ended", {**about, "epoch": epoch, "logs": logs, "duration_s": took}
        score = 0.9 - 0.8 * (number % 9_973 + 1) / (EPOCHS * 10_007)
        ended = {"status": "completed", "score": score, "duration_s": 1.3 + 1e-6 * number}
        yield "trial_ended", {**about, **ended, "reason": None, "checkpoint": None}


def write(path: Path, trials: int) -> None:
    """Writes the journal of a search of so many trials."""
    with path.open("wb") as file:
        for kind, fields in events(trials):
            file.write(encode(make_event(kind, time.time(), fields)))


def resident_mb() -> float:
    """Returns the memory that this process has now."""
    return float(psutil.Process().memory_info().rss) / 1e6


def read(path: Path, reader: str) -> None:
    """Reads a journal in this process, and prints what that took."""
    before, began = resident_mb(), time.process_time()
    journal = Journal.open(path) if reader == "Journal.open" else None
    history = journal.history if journal else read_history(path)
    trials = len(history.completed)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6  # Linux counts in KiB
    print(
        f"{reader}: {trials:,} trials, {history.epochs_spent:,} epochs, "
        f"{path.stat().st_size / 1e6:.0f} MB on disk: at most {most - before:.0f} MB more, "
        f"{resident_mb() - before:.0f} in the end, {time.process_time() - began:.0f} CPU s",
        flush=True,
    )
    if journal:
        journal.close()
    sys.exit(most - before > ALLOWED_MB * max(1.0, trials / 100_000))


def main() -> None:
    """Prints one line for each way to read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--read", nargs=2, help="a journal and a reader: what the parent starts")
    given = parser.parse_args()
    if given.read:
        read(Path(given.read[0]), given.read[1])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        write(path, given.trials)
        again = [sys.executable, "-m", "benchmarks.journal_memory", "--read", str(path)]
        ended = [subprocess.run([*again, reader], check=False).returncode for reader in READERS]
    sys.exit(any(ended))


if __name__ == "__main__":
    main()
