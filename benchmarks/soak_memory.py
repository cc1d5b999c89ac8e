"""Does the kernel's memory stay flat over many trials?

    python -m benchmarks.soak_memory --trials 300

Runs a search on digits over small models and prints the resident memory after trial 30 and later;
ends with status 1 if it grew by more than a tenth after trial 30. A short form of it is a test.
Plain Keras grows by 5 to 10 MB a trial.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

import nas_nb as nas
from nas_nb.search.search import Search
from nas_nb.workers.checkpoints import CheckpointStore

WARM_AFTER = 30
ALLOWED = 1.1
SPACE = {"layers": ["Dense"], "units": range(4, 64), "activations": ["relu", "tanh"], "depth": [2]}


def memory_by_trial(folder: Path, trials: int, **changes: Any) -> list[int]:
    """Returns the process's resident bytes at the end of each trial of a search."""
    seen: list[int] = []
    process = psutil.Process()
    prune = CheckpointStore.remove_unneeded

    def measured(checkpoints: CheckpointStore) -> None:
        prune(checkpoints)
        seen.append(int(process.memory_info().rss))

    settings: dict[str, Any] = {"strategy": "random", "epochs": 1, "max_trials": trials, **changes}
    search = Search(SPACE, nas.load("digits"), directory=folder, **settings)
    CheckpointStore.remove_unneeded = measured  # type: ignore[method-assign]
    try:
        search.run()
    finally:
        CheckpointStore.remove_unneeded = prune  # type: ignore[method-assign]
    return seen


def growth(seen: list[int]) -> float:
    """Returns by what factor memory grew at most after the first trials."""
    return max(seen[WARM_AFTER:]) / seen[WARM_AFTER - 1]


def main() -> None:
    """Prints the memory now and then, and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = memory_by_trial(Path(folder), given.trials)
    for trial in sorted({WARM_AFTER, 50, 100, 200, given.trials}):
        if trial <= len(seen):
            print(f"after trial {trial}: {seen[trial - 1] / 1e6:.0f} MB")
    factor = growth(seen)
    print(f"grew by {factor - 1:.1%} after trial {WARM_AFTER} (allowed: {ALLOWED - 1:.0%})")
    sys.exit(factor > ALLOWED)


if __name__ == "__main__":
    main()
