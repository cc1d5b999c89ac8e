"""Where strategies are worse than random search, of what the benchmarks kept.

    python benchmarks/worse_than_random.py FILE.jsonl [FILE.jsonl ...] --marks 50 100 200

Each file is what `bench_strategies.py` or `bench_fidelities.py` wrote with `--out`; random search
is looked for in all of them. It prints every table and mark at which the mean test score of the
best by validation is worse than random search's by more than one standard error of the
difference, with the same for the validation score, and ends with status 1 if there is any. What
libraries do by themselves, `optuna-tpe` and `keras-tuner-random`, is printed, but doesn't count.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from results import Results, Run, shortfalls

BASELINES = ("optuna-tpe", "keras-tuner-random")


def main() -> int:
    """Prints a line for each; returns 1 if there is one of ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--marks", nargs="+", default=["50", "100", "200"], help="their names")
    asked = parser.parse_args()
    results = Results(None)
    for file in asked.files:
        results.update(Results(file))
    seen = Results(None)
    seen.update((key, Run(run.validation, [], 0.0)) for key, run in results.items())
    ours = 0
    for kind, of in (("test", results), ("validation", seen)):
        for table, strategy, mark, errors, (runs, chance) in shortfalls(of):
            ours += strategy not in BASELINES
            by = f"{errors:.1f} standard errors worse, by {kind}"
            print(
                f"{table:22} {strategy:18} {asked.marks[mark]:>4}  {by} ({runs} and {chance} seeds)"
            )
    compared = sorted({strategy for _, strategy, _ in results} - {"random"})
    print(f"Compared with random search: {', '.join(compared)}. Worse at {ours} places.")
    return int(ours > 0)


if __name__ == "__main__":
    sys.exit(main())
