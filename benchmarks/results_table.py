"""The runs that the benchmarks kept, as tables in Markdown.

    python benchmarks/results_table.py FILE.jsonl [FILE.jsonl ...] --marks 50 100 200

Each file is what `bench_strategies.py` or `bench_fidelities.py` wrote with `--out`. A table for
each mark: the mean test score of the best by validation, plus or minus its standard error, and in
brackets the number of seeds. `--by validation` shows its validation score instead, all that a
strategy sees, and `--by best` how many seeds had found what is best by validation in all files.
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
    parser.add_argument("--strategies", nargs="+", help="to show; default all")
    parser.add_argument("--by", choices=("test", "validation", "best"), default="test")
    asked = parser.parse_args()
    results = Results(None)
    for file in asked.files:
        results.update(Results(file))
    shown = Results(None)
    shown.update(
        (key, run)
        for key, run in sorted(results.items())
        if (not asked.tables or key[0].startswith(tuple(asked.tables)))
        and key[1] in (asked.strategies or key[1])
    )
    for number, mark in enumerate(asked.marks):
        print(f"\nAfter {mark}:\n\n{markdown(shown, number, asked.by)}")


if __name__ == "__main__":
    main()
