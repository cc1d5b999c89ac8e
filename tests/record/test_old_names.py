"""Journals that nas_nb 0.1 wrote (`format_1/`) are read in today's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nas_nb.record.journal import find_opening, read_events, read_history
from nas_nb.record.old_names import translated

FORMAT_1 = Path(__file__).parent / "format_1"
OLD_WORDS = (
    '"local"', '"gradient"', '"pareto"', '"cma"', "flops", '"fraction"', '"repeats"', "stop_early",
    '"inherit"', '"release"', '"window": 120, "population_size"',
)  # fmt: skip


@pytest.mark.parametrize("file", sorted(FORMAT_1.glob("*.jsonl")), ids=lambda file: file.stem)
def test_no_old_word_is_left_in_what_is_read(file: Path) -> None:
    read = "\n".join(str(event).replace("'", '"') for event in read_events(file))
    assert not [word for word in OLD_WORDS if word in read]
    assert len(read_history(file)) > 0


@pytest.mark.parametrize(
    ("name", "strategy", "options"),
    [
        ("local_with_steering", "local_search", {}),
        ("gradient", "darts", {"epochs": 2, "order": 1}),
        ("pareto_repeats", "nsga2", {"population": 4, "elite": 0.5}),
        ("cma", "cma_es", {"window": 120}),
        ("inherit", "evolution", {"inherit_weights": True}),
        ("nsga2_of_optuna", "nsga2", {"population": 4, "cost": "macs"}),
    ],
)
def test_strategies_have_todays_names(name: str, strategy: str, options: dict[str, Any]) -> None:
    _, opening = find_opening(FORMAT_1 / f"{name}.jsonl") or (0, {})
    assert opening is not None
    assert opening["strategy"] == strategy == opening["given"]["strategy"]
    assert opening["options"].items() >= options.items()
    origins = {trial.origin for trial in read_history(FORMAT_1 / f"{name}.jsonl")}
    assert origins == {strategy}


def test_limits_costs_and_fidelities_have_todays_names() -> None:
    _, local = find_opening(FORMAT_1 / "local_with_steering.jsonl") or (0, {})
    assert local is not None
    assert local["budget"] == {"max_trials": 4, "max_macs": 10_000_000} == local["given"]["budget"]
    assert local["fidelity"] == {"epochs": 2, "batch_size": 32, "prune": True}
    halves = read_history(FORMAT_1 / "asha_fraction.jsonl")
    assert halves.granted["data_fraction"] == 0.5
    twice = read_history(FORMAT_1 / "pareto_repeats.jsonl")
    assert twice.granted["executions_per_trial"] == 2
    assert set(twice[0].costs) >= {"params", "macs"}


@pytest.mark.parametrize(
    ("action", "detail", "expected"),
    [
        ("release", {"names": ["a"]}, ("unrestrict", {"names": ["a"]})),
        (
            "strategy",
            {"strategy": "pareto", "options": {"cost": "flops"}},
            ("strategy", {"strategy": "nsga2", "options": {"cost": "macs"}}),
        ),
        ("budget", {"max_flops": 5}, ("budget", {"max_macs": 5})),
        ("queue", {"values": {"max_flops": 5}}, ("queue", {"values": {"max_flops": 5}})),
    ],
)
def test_what_was_steered_has_todays_names(action: str, detail: Any, expected: Any) -> None:
    event = translated({"event": "steered", "action": action, "detail": detail})
    assert (event["action"], event["detail"]) == expected
