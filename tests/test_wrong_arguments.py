"""Whatever stands at a public argument, it is taken or refused in a sentence of ours."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nas_nb as nas
from nas_nb.search.race import Race
from nas_nb.space.search_space import SearchSpace
from nas_nb.strategy.registry import STRATEGIES
from tests.search.tiny import CHOICES, tiny_data

JUNK: tuple[Any, ...] = (
    object(),
    -1,
    1.5,
    "x",
    "",
    "a\0b",
    "\ud800",
    b"x",
    True,
    float("nan"),
    float("inf"),
    10**400,
    -(10**400),
    complex(1, 2),
    [],
    {},
    {1: 2},
    [None],
    ["x", "x"],
    [1, "a"],
    {"x"},
    iter([]),
    range(0),
    type,
    lambda: 0,
    np.array(None),
    np.array([1, 2]),
    np.float32(3),
    pd.NA,
    np.datetime64("NaT"),
    pd.DataFrame({"a": [1, 2]}),
)
ROWS, LABELS = np.random.default_rng(0).normal(size=(60, 5)), np.arange(60) % 3
FRAME = pd.DataFrame({"a": ROWS[:, 0], "b": ROWS[:, 1], "y": LABELS})
TEXTS = ["a b"] * 60
BENCH = nas.benchmark("breast_cancer")
POINT = BENCH.space.sample(np.random.default_rng(0))
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "Data.from_arrays": (nas.Data.from_arrays, {"x": ROWS, "y": LABELS}),
    "Data.from_frame": (nas.Data.from_frame, {"frame": FRAME, "target": "y"}),
    "Data.from_texts": (nas.Data.from_texts, {"texts": TEXTS, "y": LABELS}),
    "Data.from_series": (nas.Data.from_series, {"series": np.arange(200.0)}),
    "Data.from_dataset": (nas.Data.from_dataset, {}),
    "load": (nas.load, {"name": "digits"}),
    "open": (nas.open, {}),
    "replay": (nas.replay, {}),
    "uniform": (nas.uniform, {"low": 0.1, "high": 0.2}),
    "log_uniform": (nas.log_uniform, {"low": 0.1, "high": 0.2}),
    "generate": (nas.generate_candidate_structures, {"space": CHOICES, "count": 2}),
    "select": (nas.select_best_structure, {"candidates": [], "scores": []}),
    "evaluate": (nas.evaluate_performance, {"candidates": []}),
    "optimize": (nas.optimize_structure, {"candidates": [], "scores": []}),
    "use": (nas.use, {}),
    "with_raw_input": (nas.with_raw_input, {"data": tiny_data()}),
    "benchmark": (nas.benchmark, {"name": "breast_cancer"}),
    "check": (nas.check, {"strategy": "random", "on": "breast_cancer", "seeds": 5, "trials": 10}),
    "digest": (nas.digest, {}),
    "seed_for": (nas.seed_for, {}),
    "runs": (nas.runs, {}),
    "Data.part": (tiny_data().part, {}),
    "Benchmark.query": (BENCH.query, {"architecture": POINT}),
    "Benchmark.regret": (BENCH.regret, {}),
    "Benchmark.ranked": (BENCH.ranked, {}),
    "Benchmark.race": (BENCH.race, {"strategies": ["random"], "seeds": 1, "trials": 3}),
    "Domain.sample": (BENCH.space.sample, {}),
    "Domain.mutate": (BENCH.space.mutate, {"values": POINT, "rng": np.random.default_rng(0)}),
    "Domain.neighbours": (BENCH.space.neighbours, {}),
    "Domain.distance": (BENCH.space.distance, {"one": POINT, "other": POINT}),
    "Domain.contains": (BENCH.space.contains, {}),
    "SearchSpace": (SearchSpace, {}),
    "SearchSpace.from_dict": (SearchSpace.from_dict, {}),
    **{f"spaces.{name}": (getattr(nas.spaces, name), {}) for name in nas.spaces.__all__},
    **{f"strategy {name}": (strategy, {}) for name, strategy in STRATEGIES.items()},
}


def arguments(call: Callable[..., Any]) -> list[str]:
    named = inspect.signature(call).parameters.values()
    return [p.name for p in named if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def raw_errors(call: Callable[..., Any], given: dict[str, Any]) -> list[str]:
    """Calls with each junk at each argument, and returns what was raised that is not ours."""
    found = []
    for name in arguments(call):
        for number, junk in enumerate(JUNK):
            try:
                call(**{**given, name: junk})
            except nas.NasError:
                continue
            except Exception as error:  # noqa: BLE001 - to tell which
                if "required positional argument" not in str(error):
                    found.append(f"{name}, junk {number}: {type(error).__name__}: {error}"[:150])
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_junk_is_taken_or_refused_in_a_sentence(name: str) -> None:
    call, given = CALLS[name]
    assert raw_errors(call, given) == []


@pytest.mark.filterwarnings("ignore")
def test_junk_is_no_setting_of_a_search(tmp_path: Path) -> None:
    given: dict[str, Any] = {"space": CHOICES, "data": tiny_data(), "directory": tmp_path / "new"}
    assert raw_errors(nas.Search, {**given, "max_trials": 1}) == []
    assert not (tmp_path / "new").exists()


@pytest.mark.filterwarnings("ignore")
def test_junk_is_no_argument_of_a_race(tmp_path: Path) -> None:
    given: dict[str, Any] = {"space": CHOICES, "data": tiny_data(), "directory": tmp_path / "new"}
    assert raw_errors(Race, {**given, "max_trials": 1, "strategies": ["random"]}) == []


@pytest.mark.parametrize("junk", [5, ["population"], {1: 2}, np.array([1, 2])])
def test_options_of_a_strategy_have_names(tmp_path: Path, junk: Any) -> None:
    given: dict[str, Any] = {"max_trials": 1, "strategy": "evolution", "strategy_options": junk}
    with pytest.raises(nas.NasError, match="Expected `strategy_options` by name"):
        nas.Search(CHOICES, tiny_data(), directory=tmp_path, **given)
    with pytest.raises(nas.NasError, match="Expected `strategy_options` by name"):
        nas.StrategyTuner(
            lambda hp: None, strategy_options=junk, directory=tmp_path, overwrite=True
        )


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A search of two trials that has ended."""
    search = nas.Search(
        CHOICES,
        tiny_data(),
        strategy="random",
        max_trials=2,
        epochs=1,
        directory=tmp_path_factory.mktemp("ended"),
    )
    return search.run()


def methods_of(search: Any) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """What a user calls of a search and its best trial; of names by keyword, one that stands."""
    steer, best = search.steer, search.best
    rows = search.data.part("val")[0][:1]
    return {
        "report": (search.report, {}),
        "export": (search.export, {}),
        "log_to": (search.log_to, {"service": "tensorboard"}),
        "trial": (search.trial, {}),
        "top": (search.top, {}),
        "pareto_front": (lambda objective: search.pareto_front("score", objective), {}),
        "knee": (lambda objective: search.knee("score", objective), {}),
        "hypervolume": (search.hypervolume, {}),
        "confirm": (search.confirm, {"top": 1, "seeds": 1}),
        "ablate": (search.ablate, {}),
        "proxies": (search.proxies, {}),
        "wait": (search.wait, {}),
        "configure": (lambda limit: search.configure(max_trials=limit), {}),
        "steer.pin": (lambda value: steer.pin(units_1=value), {}),
        "steer.without": (lambda value: steer.without(units_1=value), {}),
        "steer.at_least": (lambda value: steer.at_least(units_1=value), {}),
        "steer.unrestrict": (lambda name: steer.unrestrict(name), {}),  # noqa: PLW0108 - by name
        "steer.queue": (steer.queue, {}),
        "steer.stop_trial": (steer.stop_trial, {}),
        "steer.more_epochs": (steer.more_epochs, {"trial": 0, "epochs": 0}),
        "steer.strategy": (steer.strategy, {}),
        "steer.budget": (lambda limit: steer.budget(max_trials=limit), {}),
        "best.model": (best.model, {}),
        "best.untrained_model": (best.untrained_model, {}),
        "best.code": (best.code, {}),
        "best.save": (best.save, {"path": "model.keras"}),
        "best.retrain": (best.retrain, {"epochs": 0}),
        "best.predict": (best.predict, {"x": rows}),
        "best.explain": (best.explain, {"x": rows, "method": "occlusion"}),
        "best.diagram": (best.diagram, {}),
        "plot.scores": (search.plot.scores, {}),
        "plot.pareto": (search.plot.pareto, {}),
        "plot.parallel": (search.plot.parallel, {}),
        "runs.open": (nas.runs(search.directory.parent).open, {}),
    }


METHODS = (
    *("report", "export", "log_to", "trial", "top", "pareto_front", "knee", "hypervolume"),
    *("confirm", "ablate", "proxies", "wait", "configure", "steer.pin", "steer.without"),
    *("steer.at_least", "steer.unrestrict", "steer.queue", "steer.stop_trial"),
    *("steer.more_epochs", "steer.strategy", "steer.budget", "best.model"),
    *("best.untrained_model", "best.code", "best.save", "best.retrain", "best.predict"),
    *("best.explain", "best.diagram", "plot.scores", "plot.pareto", "plot.parallel", "runs.open"),
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", METHODS)
def test_junk_at_a_search_that_ended_is_taken_or_refused_in_a_sentence(
    ended: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call, given = methods_of(ended)[name]
    assert raw_errors(call, given) == []
