"""Does the extrapolation of learning curves end trials that would have won?

    python -m benchmarks.bench_extrapolation FOLDER               # record, then replay
    python -m benchmarks.bench_extrapolation FOLDER --curves 300 --epochs 18 --orderings 200

Records real curves, by a whole `Search` on digits over a space with good and bad learning rates
and optimizers, in a journal in FOLDER (kept, and gone on with if it is there). Then it replays the
rule of `nas_nb.evaluate.fidelity` over them in many random orders, as `prune=True` does
it: a trial ends when its curve can hardly reach the fifth best score so far. The rule's constants
were set before any of the curves was recorded.

Prints, for both halves, for all, and for the better half by score, where the decisions are
harder: how many of the eventual five best (by their whole curves) the rule ended, in all orders,
and how many epochs it saved. The promise is below 1 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import nas_nb as nas
from nas_nb.evaluate.fidelity import cannot_reach
from nas_nb.record.journal import read_history

TOP = 5
PROMISE = 0.01

Curve = tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """What the rule did in all orders.

    Attributes:
        ended: How many of the eventual best it ended.
        best: How many there were.
        saved: Share of the epochs that were not trained.
        lost: Share of the orders in which the very best was ended.
    """

    ended: int
    best: int
    saved: float
    lost: float

    def __str__(self) -> str:
        share = self.ended / self.best
        verdict = "kept" if share < PROMISE else "BROKEN"
        return (
            f"top {TOP} ended: {self.ended} of {self.best} ({share:.2%}, promise {verdict}); "
            f"the best ended in {self.lost:.2%} of the orders; epochs saved: {self.saved:.1%}"
        )


def record(folder: Path, data: str, curves: int, epochs: int, seed: int) -> list[Curve]:
    """Returns real learning curves of the objective, trained now as far as they aren't yet."""
    space = nas.SearchSpace.from_dict(
        {
            "layers": ["Conv2D", "Dense"],
            "units": [4, 8, 16, 32, 64],
            "activations": ["relu", "tanh", "sigmoid"],
            "depth": [1, 2, 3],
            "optimizer": ["adam", "sgd", "rmsprop"],
            "learning_rate": [0.0003, 0.001, 0.003, 0.01, 0.03],
        }
    )
    search = nas.Search(
        space,
        data,
        strategy="random",
        max_trials=curves,
        epochs=epochs,
        batch_size=64,
        seed=seed,
        directory=folder,
    )
    search.run()
    return read_curves(folder)


def read_curves(folder: Path) -> list[Curve]:
    """Returns the curves of a journal's completed trials."""
    history = read_history(folder / "journal.jsonl")
    return [tuple(logs[history.objective] for logs in trial.curve) for trial in history.completed]


def end_of(curve: Curve, target: float, ends: dict[tuple[Curve, int], float]) -> int:
    """Returns after how many epochs a curve is ended."""
    for epoch in range(1, len(curve)):
        key = curve, epoch
        if key not in ends:
            ends[key] = least_fatal(curve[:epoch], len(curve))
        if target > ends[key]:
            return epoch
    return len(curve)


def least_fatal(curve: Curve, epochs: int) -> float:
    """Returns the target above which the rule ends a curve here; found once for all orders."""
    low, high = max(curve), 2.0
    if not cannot_reach(curve, high, epochs):
        return float("inf")
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if cannot_reach(curve, middle, epochs) else (middle, high)
    return high


def replay(curves: Sequence[Curve], orderings: int, seed: int) -> Outcome:
    """Replays the rule over the curves in random orders."""
    rng = np.random.default_rng(seed)
    ranked = sorted(range(len(curves)), key=lambda at: -max(curves[at]))
    best = set(ranked[:TOP])
    ends: dict[tuple[Curve, int], float] = {}
    ended = trained = lost = 0
    for _ in range(orderings):
        scores: list[float] = []
        for at in rng.permutation(len(curves)):
            curve = curves[at]
            target = sorted(scores)[-TOP] if len(scores) >= TOP else -float("inf")
            epochs = end_of(curve, target, ends)
            trained += epochs
            scores.append(max(curve[:epochs]))
            wrong = epochs < len(curve) and at in best and max(curve[:epochs]) < max(curve)
            ended += wrong
            lost += wrong and at == ranked[0]
    whole = orderings * sum(map(len, curves))
    return Outcome(ended, TOP * orderings, 1 - trained / whole, lost / orderings)


def main() -> None:
    """Records and replays, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", default="digits", help="a name for nas.load")
    parser.add_argument("--curves", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--orderings", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    curves = record(given.folder, given.data, given.curves, given.epochs, given.seed)
    print(f"{len(curves)} curves of {given.epochs} epochs, {given.orderings} orders")
    half = len(curves) // 2
    parts = {
        "first half": curves[:half],
        "second half": curves[half:],
        "all": curves,
        "better half": sorted(curves, key=max)[half:],
    }
    for name, some in parts.items():
        print(f"{name}: {replay(some, given.orderings, given.seed)}", flush=True)


if __name__ == "__main__":
    main()
