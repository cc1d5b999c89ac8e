"""A small made-up table: 84 architectures, two seeds, four epochs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.packed_table import pack
from nas_nb.course.benchmark import Benchmark
from nas_nb.course.table import unpack
from nas_nb.record.trial import Values
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind

EPOCHS, ROWS = 4, {"train": 1000, "val": 500, "test": 400}
DEPTHS = (1, 2, 3)

SPACE = Domain(
    (
        Parameter("depth", ParameterKind.CHOICE, choices=DEPTHS),
        *(
            Parameter(name, ParameterKind.CHOICE, choices=choices, conditions=needed)
            for layer in DEPTHS
            for needed in [(Condition("depth", DEPTHS[layer - 1 :]),) if layer > 1 else ()]
            for name, choices in (
                (f"units_{layer}", (4, 16)),
                (f"activation_{layer}", ("relu", "tanh")),
            )
        ),
    )
)


def right(values: Values, seed: int, epoch: int) -> int:
    """Validation samples that are classified correctly: more with width, depth and relu."""
    good = sum(10 for name, value in values.items() if value in ("relu", 16) and name != "depth")
    return 200 + 40 * epoch + good + 5 * int(values["depth"]) + seed


def packed() -> bytes:
    runs = [
        {
            "point": point,
            "seed": seed,
            "right": [right(values, seed, epoch) for epoch in range(1, EPOCHS + 1)],
            "loss": [20_000 - 1000 * epoch for epoch in range(1, EPOCHS + 1)],
            "train_right": [400 + epoch for epoch in range(EPOCHS)],
            "test_right": 300 + point,
            "milliseconds": 100 + point,
        }
        for point, values in enumerate(SPACE.enumerate())
        for seed in (0, 1)
    ]
    costs = [{"params": 1000 + n, "macs": 2000 + n} for n in range(84)]
    return pack("made up", SPACE, runs, costs, {"epochs": EPOCHS, "rows": ROWS})


def made_up() -> Benchmark:
    return Benchmark(unpack(packed()))


def written(folder: Path) -> Path:
    file = folder / "made_up.table"
    file.write_bytes(packed())
    return file


def new_mutant(history, rng: np.random.Generator):
    """A strategy of a student's: greedy, and never stuck."""
    for _ in range(100):
        best = history.incumbent
        fresh = best is None or rng.random() < 0.2
        values = SPACE.sample(rng) if fresh else SPACE.mutate(best.values, rng)
        if not history.has_tried(values):
            return values
    return next(values for values in SPACE.enumerate() if not history.has_tried(values))
