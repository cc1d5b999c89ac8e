from __future__ import annotations

from pathlib import Path

from benchmarks.results import Results, Run, behind, markdown, shortfalls, summary

RUN = Run([1.0, 2.0], [0.5, 0.75], 3.0)


def test_what_was_run_is_known_to_the_next_call(tmp_path: Path) -> None:
    Results(tmp_path / "runs.jsonl").add(("table", "random", 0), RUN)
    Results(tmp_path / "runs.jsonl").add(("table", "random", 1), RUN)
    known = Results(tmp_path / "runs.jsonl")
    assert known == {("table", "random", 0): RUN, ("table", "random", 1): RUN}


def test_a_summary_has_means_errors_and_milliseconds() -> None:
    told = summary([RUN, Run([3.0, 2.0], [0.5, 0.25], 5.0)])
    assert " ".join(told.split()) == "2.000 ± 1.000 [0.500] 2.000 ± 0.000 [0.500] 4.00 ms"


def test_behind_is_worse_by_more_than_one_standard_error() -> None:
    random = [Run([score, 5.0], [], 0.0) for score in (1.0, 2.0, 3.0)]
    close = [Run([score, 1.0], [], 0.0) for score in (0.8, 1.8, 2.8)]
    assert behind(close, random) == [1]


def test_a_shortfall_names_table_strategy_mark_and_by_how_many_errors() -> None:
    results = Results(None)
    for seed, score in enumerate((1.0, 2.0, 3.0)):
        results["a", "random", seed] = Run([score, 5.0], [], 0.0)
        results["a", "grid", seed] = Run([score - 2.0, 5.0], [], 0.0)
        results["b", "grid", seed] = Run([-score, -5.0], [], 0.0)  # nothing to compare with
    (found,) = shortfalls(results)
    assert found._replace(errors=0.0) == ("a", "grid", 0, 0.0, (3, 3))
    # Means 2 and 0, both with a variance of 1 / 3.
    assert round(found.errors, 6) == round(2.0 / (2 / 3) ** 0.5, 6)


def test_a_table_has_a_row_a_strategy_and_a_column_a_table() -> None:
    results = Results(None)
    results.update(
        {("a", "random", 0): RUN, ("a", "random", 1): RUN, ("b", "local_search", 0): RUN}
    )
    assert markdown(results, 1).splitlines() == [
        "| strategy | a | b |",
        "|---|---|---|",
        "| random | 2.000 ± 0.000 (2) |  |",
        "| local_search |  | 2.000 ± 0.000 (1) |",
    ]


def test_a_table_shows_validation_scores_and_how_many_found_the_best() -> None:
    results = Results(None)
    results["a", "random", 0] = Run([1.0], [0.5], 0.0)
    results["a", "random", 1] = Run([0.9], [0.75], 0.0)
    results["a", "local_search", 0] = Run([0.8], [0.75], 0.0)
    rows = [markdown(results, 0, by).splitlines()[2:] for by in ("validation", "best")]
    assert rows == [
        ["| random | 0.625 ± 0.125 (2) |", "| local_search | 0.750 ± 0.000 (1) |"],
        ["| random | 1 of 2 |", "| local_search | 1 of 1 |"],
    ]
