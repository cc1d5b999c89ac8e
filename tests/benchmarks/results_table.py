"""The runs that the benchmarks kept, as tables in Markdown.

    python tests/benchmarks/results_table.py FILE.jsonl [FILE.jsonl ...] --marks 50 100 200

Each file is what `bench_strategies.py` or `bench_fidelities.py` wrote with `--out`. A table for
each mark: the mean test score of the best by validation, plus or minus its standard error, and in
brackets the number of seeds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from results import Results, markdown


def main() -> None:
    """Prints a table for each mark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--marks", nargs="+", default=["50", "100", "200"], help="their names")
    parser.add_argument("--tables", nargs="+", help="beginnings of the names to show; default all")
    asked = parser.parse_args()
    results = Results(None)
    for file in asked.files:
        results.update(Results(file))
    shown = Results(None)
    shown.update(
        (key, run)
        for key, run in sorted(results.items())
        if not asked.tables or key[0].startswith(tuple(asked.tables))
    )
    for number, mark in enumerate(asked.marks):
        print(f"\nAfter {mark}:\n\n{markdown(shown, number)}")


if __name__ == "__main__":
    main()
