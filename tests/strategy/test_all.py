"""One contract that every strategy keeps, in every kind of space."""

from __future__ import annotations

import gc
import math
import weakref
from pathlib import Path
from typing import Any, cast

import keras_tuner as kt
import pytest
from keras_tuner.src.engine import oracle as kt_oracle

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle, oracle
from nas_nb.record.history import History, fold
from nas_nb.record.trial import Trial, TrialStatus, Values, values_key
from nas_nb.strategy.base import Proposal, Strategy, proposal_rng
from nas_nb.strategy.registry import STRATEGIES, make_strategy
from tests.strategy.worlds import (
    DOMAINS,
    MAXIMISE,
    MINIMISE,
    Recorder,
    a_second_each,
    answer,
    architecture,
    journal_of,
    quality,
    run,
)

# Few random trials before each strategy does what it is named for.
OPTIONS: dict[str, dict[str, int]] = {
    "evolution": {"population": 5, "sample": 2},
    "greedy": {"starts": 2},
    "bayesian": {"num_initial_points": 3},
    "successive_halving": {"max_epochs": 9},
    "hyperband": {"max_epochs": 9},
    "bohb": {"max_epochs": 9, "n_min": 2},
    "asha": {"max_epochs": 9},
    "predictor with rungs": {"min_epochs": 1, "max_epochs": 9},
}
# Their trials tell no cost here, of which they warn.
pytestmark = pytest.mark.filterwarnings("ignore:.*goes by the score alone:RuntimeWarning")

LONG, SHORT = 24, 6

WITH_RUNGS = " with rungs"
PROPOSERS = [*STRATEGIES, "predictor" + WITH_RUNGS]
# These learn from the data of a search first, and no oracle of a tuner's has any.
NEED_DATA = [name for name, kind in STRATEGIES.items() if kind.needs_data]

everyone = pytest.mark.parametrize("name", PROPOSERS)
everyone_without_data = pytest.mark.parametrize(
    "name", [name for name in PROPOSERS if name not in NEED_DATA]
)
everywhere = pytest.mark.parametrize("world", list(DOMAINS))


def strategy(name: str, world: str) -> Strategy:
    return make_strategy(name.removesuffix(WITH_RUNGS), DOMAINS[world](), **OPTIONS.get(name, {}))


def driven(
    bound: Strategy,
    objective: kt.Objective = MAXIMISE,
    max_trials: int | None = None,
    seed: int = 0,
    journal: Recorder | None = None,
) -> StrategyOracle:
    """An oracle whose strategy has learned before, if it needs to."""
    seen_by = journal or (Recorder(bound) if bound.needs_data else None)
    return StrategyOracle(bound, objective, max_trials, seed=seed, journal=seen_by)


def proposals(seen: StrategyOracle) -> list[tuple[str, float, int | None]]:
    """The architecture, the epochs and the parent of each trial."""
    return [(t.key, t.fidelity.get("epochs", math.inf), t.parent) for t in seen.history]


def is_climb(trial: Trial, history: History) -> bool:
    """Whether a trial goes on with the architecture of its parent, for more epochs."""
    parent = history[cast(int, trial.parent)]
    return parent.values == trial.values and trial.fidelity["epochs"] > parent.fidelity["epochs"]


def flaky(values: Values) -> float | Exception:
    """Every third architecture can't be built, every fourth of the others has no score."""
    draw = sum(values_key(values).encode()) % 12
    if draw % 3 == 0:
        return RuntimeError("out of memory")
    return math.nan if draw % 4 == 0 else quality(values)


@everyone
@everywhere
def test_proposals_are_legal_new_and_the_same_again(name: str, world: str) -> None:
    bound = strategy(name, world)
    runs = []
    for _ in range(2):
        seen = driven(bound, MAXIMISE, LONG, seed=3)
        run(seen)
        runs.append(proposals(seen))
        assert seen.error is None
        seen.close()
    assert runs[0] == runs[1]
    assert all(bound.domain.canonical(trial.values) == trial.values for trial in seen.history)
    assert len(set(runs[0])) == len(runs[0])
    architectures = {key for key, _, _ in runs[0]}
    assert len(runs[0]) == LONG or len(architectures) == bound.domain.size
    assert all(is_climb(trial, seen.history) for trial in seen.history if trial.parent is not None)


@everyone
def test_another_seed_proposes_otherwise(name: str) -> None:
    bound = strategy(name, "mixed")
    assert run(driven(bound, MAXIMISE, 3, seed=0)) != run(driven(bound, MAXIMISE, 3, seed=1))


@everyone
@everywhere
def test_each_proposal_follows_from_the_events_before_it(name: str, world: str) -> None:
    bound = strategy(name, world)
    journal = Recorder(bound)
    run(driven(bound, MAXIMISE, LONG, seed=0, journal=journal), flaky)
    for at, event in enumerate(journal.events):
        if event["event"] == "trial_proposed":
            before = fold(journal.events[:at])
            again = bound.propose(before, proposal_rng(0, event["trial"]))
            again = again if isinstance(again, Proposal) else Proposal(again)
            assert again.values == event["values"]
            assert again.fidelity == event.get("fidelity", {})
            assert again.parent == event.get("parent")


@everyone
@everywhere
def test_a_search_cut_anywhere_resumes_with_the_same_trials(name: str, world: str) -> None:
    bound = strategy(name, world)
    journal = Recorder(bound)
    whole = driven(bound, MINIMISE, SHORT, seed=5, journal=journal)
    run(whole, flaky)
    began = next(at for at, e in enumerate(journal.events) if e["event"] == "trial_proposed")
    for cut in range(began, len(journal.events)):
        resumed = journal_of(journal.events[:cut])
        seen = StrategyOracle(bound, max_trials=SHORT, journal=resumed)
        run(seen, flaky)
        assert proposals(seen) == proposals(whole)
        assert not resumed.history.unfinished


@pytest.mark.parametrize("name", ["random", "evolution"])
@everywhere
def test_a_long_search_cut_before_any_trial_resumes_with_the_same_trials(
    name: str, world: str
) -> None:
    bound = strategy(name, world)
    journal = Recorder(bound)
    trials = run(driven(bound, MAXIMISE, 30, seed=1, journal=journal), flaky)
    starts = [at for at, event in enumerate(journal.events) if event["event"] == "trial_proposed"]
    for cut in starts:
        resumed = journal_of(journal.events[:cut])
        run(StrategyOracle(bound, max_trials=30, journal=resumed), flaky)
        assert [trial.values for trial in resumed.history.trials] == trials


@everyone
def test_proposing_leaves_history_and_options_as_they_were(name: str) -> None:
    bound = strategy(name, "chain")
    journal = Recorder(bound)
    run(driven(bound, MAXIMISE, 4, seed=0, journal=journal))
    before = (journal.history.version, journal.history.trials, repr(bound))
    bound.propose(journal.history, proposal_rng(0, 4))
    assert (journal.history.version, journal.history.trials, repr(bound)) == before


@everyone
@everywhere
def test_failed_trials_are_tried_trials(name: str, world: str) -> None:
    bound = strategy(name, world)
    seen = driven(bound, MAXIMISE, LONG, seed=2)
    run(seen, flaky)
    assert seen.error is None
    assert len(set(proposals(seen))) == len(seen.history)
    assert not any(seen.history[t.parent].reason for t in seen.history if t.parent is not None)
    ends = {TrialStatus.COMPLETED, TrialStatus.FAILED}
    assert {trial.status for trial in seen.history.trials} == ends


@everyone
def test_nothing_but_failures_ends_with_the_space(name: str) -> None:
    seen = driven(strategy(name, "twelve"), MAXIMISE, seed=0)
    assert len(run(seen, lambda values: ValueError("no"))) == 12  # and none of them climbs
    assert seen.error is None
    assert len(seen.history.finished) == 12
    assert seen.history.incumbent is None


@everyone
def test_twelve_architectures_are_found_and_then_the_space_is_exhausted(name: str) -> None:
    seen = driven(strategy(name, "twelve"), MAXIMISE, seed=0)
    assert len({values_key(values) for values in run(seen)}) == 12
    assert seen.error is None
    assert seen.reason is not None
    assert "All 12 architectures" in seen.reason


@everyone
@pytest.mark.parametrize("objective", [MAXIMISE, MINIMISE], ids=lambda o: o.direction)
def test_a_smooth_score_is_improved_in_both_directions(name: str, objective: Any) -> None:
    trials = LONG if name.endswith(WITH_RUNGS) else LONG // 2
    seen = driven(strategy(name, "mixed"), objective, trials, seed=0)
    run(seen)
    scores = [trial.score for trial in seen.history.completed]
    better = max if objective.direction == "max" else min
    assert seen.history.incumbent is not None
    assert seen.history.incumbent.score == better(scores)
    assert better(scores) != scores[0]


class StockTuner(kt.Tuner):  # type: ignore[misc]
    """A tuner of KerasTuner's, with a formula in place of training."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        result = flaky(architecture(trial.hyperparameters.values))
        if isinstance(result, Exception):
            raise result
        return {"quality": result}


def build(hp: kt.HyperParameters) -> None:
    depth = hp.Int("depth", 1, 3)
    for layer in range(1, depth + 1):
        with hp.conditional_scope("depth", list(range(layer, 4))):
            hp.Choice(f"units_{layer}", [16, 32, 64])
    hp.Float("rate", 1e-4, 1e-1, sampling="log")


@everyone_without_data
def test_a_stock_tuner_runs_it_and_the_journal_says_the_same(name: str, tmp_path: Path) -> None:
    kind = name.removesuffix(WITH_RUNGS)
    seen = oracle(kind, MAXIMISE, max_trials=LONG, seed=0, **OPTIONS.get(name, {}))
    tuner = StockTuner(seen, build, directory=tmp_path, project_name="stock")
    tuner.search()
    assert seen.error is None
    history = seen.history
    assert [t.number for t in history.finished] == list(range(LONG))
    for number, trial in enumerate(seen.trials.values()):
        mine = history[number]
        assert int(trial.trial_id) == number
        assert architecture(trial.hyperparameters.values) == mine.values
        told = trial.hyperparameters.values.get("tuner/epochs")
        assert told == mine.fidelity.get("epochs")
        assert trial.status == mine.status.upper()
        assert mine.score == (trial.score if trial.status == "COMPLETED" else None)
        assert bool(mine.reason) == (trial.status == "FAILED")
    best = tuner.get_best_hyperparameters()[0]
    assert history.incumbent is not None
    assert architecture(best.values) == history.incumbent.values
    assert not list(tmp_path.rglob("oracle.json"))
    assert not list(tmp_path.rglob("trial.json"))


@pytest.mark.parametrize("name", NEED_DATA)
def test_a_stock_tuner_is_told_that_it_has_no_data(name: str) -> None:
    with pytest.raises(StrategyError, match=rf"nas\.Search\(space, data, strategy='{name}'\)"):
        oracle(name, MAXIMISE, seed=0)


class CutOff(StockTuner):
    """Dies in its seventh trial, as a kernel does: without a word to its oracle."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        if int(trial.trial_id) == 6:
            raise KeyboardInterrupt
        return super().run_trial(trial, *args, **kwargs)


@everyone_without_data
def test_a_stock_tuner_goes_on_where_it_was_cut_off(name: str, tmp_path: Path) -> None:
    def made(folder: str, kind: type[kt.Tuner]) -> tuple[StrategyOracle, kt.Tuner]:
        options = OPTIONS.get(name, {})
        plain = name.removesuffix(WITH_RUNGS)
        seen = oracle(plain, MAXIMISE, max_trials=12, seed=0, **options)
        return seen, kind(seen, build, directory=tmp_path, project_name=folder)

    with a_second_each():
        whole, tuner = made("whole", StockTuner)
        tuner.search()
        _, cut = made("cut", CutOff)
        with pytest.raises(KeyboardInterrupt):
            cut.search()
        resumed, tuner = made("cut", StockTuner)
        assert len(resumed.trials) == 6
        tuner.search()
    assert [(t.values, t.fidelity, t.score) for t in resumed.history] == [
        (t.values, t.fidelity, t.score) for t in whole.history
    ]
    assert resumed.history[6].attempt == 2


@everyone
@pytest.mark.usefixtures("fresh_garbage")
def test_a_closed_oracle_is_forgotten(name: str) -> None:
    seen = driven(strategy(name, "twelve"), MAXIMISE, 2, seed=0)
    run(seen)
    seen.close()
    assert seen not in kt_oracle.LOCKS
    assert seen not in kt_oracle.THREADS
    gone = weakref.ref(seen)
    del seen
    gc.collect()
    assert gone() is None


# With the defaults: what the options above make small would hide what is tried here.
NOT_LEARNING = [*NEED_DATA, "random", "grid"]
LEARNING = [name for name in PROPOSERS if name not in NOT_LEARNING]
FEW = 15


def with_defaults(name: str, world: str) -> Strategy:
    kind = STRATEGIES[name.removesuffix(WITH_RUNGS)]
    longest = {"max_epochs": 27} if "max_epochs" in kind.option_names() else {}
    rungs = {"min_epochs": 1} if name.endswith(WITH_RUNGS) else {}
    return make_strategy(kind, DOMAINS[world](), **longest, **rungs)


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("world", ["chain", "mixed"])
def test_opposite_scores_lead_a_small_budget_to_other_architectures(name: str, world: str) -> None:
    def opposite(values: Values) -> float:
        return -quality(values)

    tried = []
    for score in (quality, opposite):
        seen = driven(with_defaults(name, world), MAXIMISE, FEW)
        run(seen, score)
        assert seen.error is None
        tried.append(proposals(seen))
    assert tried[0] != tried[1]


PROPOSED = {"values": {}, "origin": "test"}
COMPLETED = {"status": "completed", "score": 0.5}


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("budget", [1, 4, FEW, 60, 10_000])
def test_the_initial_design_is_a_third_of_a_known_budget_at_most(name: str, budget: int) -> None:
    bound = with_defaults(name, "mixed")
    opening = {"objective": "quality", "direction": "max", "seed": 0}
    free, history = History(), History()
    free.apply({"event": "search_opened", "time": 0.0, **opening})
    history.apply(
        {"event": "search_opened", "time": 0.0, "budget": {"max_trials": budget}, **opening}
    )
    assert bound.initial_design(history) <= max(1, budget // 3)
    assert bound.initial_design(history) <= bound.initial_design(free)
    if bound.initial_design(history):
        told = f"its initial design lasts until {bound.initial_design(history)} of {budget} trials"
        assert told in (bound.reason(history) or "")
        for number in range(bound.initial_design(history)):
            for kind, fields in (("trial_proposed", PROPOSED), ("trial_ended", COMPLETED)):
                history.apply({"event": kind, "time": 0.0, "trial": number, **fields})
        assert "lasts until" not in (bound.reason(history) or "")


@everyone_without_data
def test_trials_of_a_small_budget_say_how_they_were_found(name: str) -> None:
    seen = driven(with_defaults(name, "chain"), MAXIMISE, FEW)
    run(seen)
    for trial in seen.history:
        assert trial.how in ("drawn", "mutated", "crossed", "predicted") or trial.parent is not None
        assert bool(trial.ancestors) == (trial.how in ("mutated", "crossed"))
        assert all(ancestor < trial.number for ancestor in trial.ancestors)
    made = {"random": "drawn", "grid": "drawn", "evolution": "mutated", "greedy": "mutated"}
    made |= {"local_search": "mutated", "predictor": "predicted", "bayesian": "predicted"}
    assert seen.history[FEW - 1].how == made.get(name, seen.history[FEW - 1].how)


@everyone_without_data
def test_what_is_being_trained_is_not_proposed_again(name: str) -> None:
    seen = driven(strategy(name, "chain"), MAXIMISE, LONG)
    for _ in range(3):
        together = [seen.create_trial(f"worker {n}") for n in range(4)]
        for trial in together:
            answer(seen, trial, quality(architecture(trial.hyperparameters.values)))
    assert len(set(proposals(seen))) == len(seen.history) == 12
