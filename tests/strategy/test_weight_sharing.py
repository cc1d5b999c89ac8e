from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

from nas_nb.errors import MeasureError, StrategyError
from nas_nb.oracles.strategy_oracle import oracle
from nas_nb.record.history import fold
from nas_nb.record.journal import Journal
from nas_nb.record.trial import values_key
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.space.search_space import SearchSpace
from nas_nb.strategy.base import SpaceExhausted, proposal_rng
from nas_nb.strategy.weight_sharing import Darts, MixingWeights, OneShot, score_pool
from tests.search.tiny import tiny_data, tiny_search
from tests.strategy.worlds import MAXIMISE, Recorder, mixed, quality, rng, twelve

SPACE = {"layers": ["Dense"], "units": [2, 3], "activations": ["relu"], "depth": [1, 2]}


class Free:
    def checkpoint(self) -> bool:
        return False


class Stopped:
    def checkpoint(self) -> bool:
        return True


def opened() -> Recorder:
    journal = Recorder()
    journal.append("search_opened", objective="val_accuracy", direction="max", seed=0)
    return journal


def prepared(strategy: OneShot, control: Any = None) -> tuple[OneShot, Recorder]:
    data = tiny_data()
    space = SearchSpace.from_dict(SPACE).for_data(data.spec)
    bound, journal = strategy.over(space.domain), opened()
    bound.prepare(space, data, journal, control or Free(), 0)
    return bound, journal


def ranked(scores: list[float], **options: Any) -> tuple[OneShot, Journal]:
    """A strategy over twelve points whose scores are in the journal."""
    strategy = OneShot(**options).over(twelve())
    points = list(strategy.domain.enumerate())[: len(scores)]
    detail = {
        "options": strategy.options,
        "candidates": [[dict(p), s] for p, s in zip(points, scores, strict=True)],
    }
    journal = opened()
    journal.append("prepared", strategy="one_shot", what="scores", detail=detail)
    return strategy, journal


@pytest.mark.tensorflow
def test_a_search_trains_the_supernet_once_and_tries_the_best_first(tmp_path: Path) -> None:
    options = {"epochs": 2, "pool": 20}
    given: dict[str, Any] = {"space": SPACE, "strategy": "one_shot", "strategy_options": options}
    search = tiny_search(tmp_path, max_trials=2, epochs=1, **given).run()
    events = search.history.prepared
    assert [event["what"] for event in events] == ["epoch", "epoch", "scores"]
    candidates = events[-1]["detail"]["candidates"]
    assert len(candidates) == search.space.domain.distinct.size == 6
    best = sorted(candidates, key=lambda pair: -pair[1])
    assert [trial.values for trial in search.history.trials] == [v for v, _ in best[:2]]
    again = tiny_search(tmp_path, max_trials=3, epochs=1, **given).run()
    assert again.history.prepared == events
    assert again.history[2].values == best[2][0]


@pytest.mark.tensorflow
def test_a_proposal_follows_from_the_history_alone() -> None:
    strategy, journal = ranked([0.1, 0.5, 0.3])
    known = fold(journal.events)  # type: ignore[attr-defined]
    points = list(strategy.domain.enumerate())
    assert strategy.propose(known, proposal_rng(0, 0)) == points[1]
    assert strategy.propose(known, proposal_rng(9, 7)) == points[1]


@pytest.mark.tensorflow
def test_less_is_better_where_the_search_says_so() -> None:
    strategy = OneShot().over(twelve())
    points = list(strategy.domain.enumerate())
    journal = Recorder()
    journal.append("search_opened", objective="val_loss", direction="min", seed=0)
    detail = {"options": strategy.options, "candidates": [[points[0], 0.9], [points[1], 0.2]]}
    journal.append("prepared", strategy="one_shot", what="scores", detail=detail)
    assert strategy.propose(journal.history, proposal_rng(0, 0)) == points[1]


@pytest.mark.tensorflow
def test_when_the_pool_is_used_up_the_rest_of_the_space_follows() -> None:
    strategy, journal = ranked([0.1, 0.5, 0.3])
    for number in range(12):
        values = strategy.propose(journal.history, proposal_rng(0, number))
        journal.append("trial_proposed", trial=number, values=values, origin="one_shot")
    assert len({trial.key for trial in journal.history.trials}) == 12
    with pytest.raises(SpaceExhausted):
        strategy.propose(journal.history, proposal_rng(0, 12))


@pytest.mark.tensorflow
def test_scores_of_other_options_do_not_count() -> None:
    _, journal = ranked([0.1, 0.5], epochs=3)
    other = OneShot(epochs=4).over(twelve())
    with pytest.raises(StrategyError, match=r"nas\.Search"):
        other.propose(journal.history, proposal_rng(0, 0))


@pytest.mark.tensorflow
def test_an_oracle_refuses_it_since_it_has_no_data() -> None:
    space = to_hyperparameters(twelve())
    with pytest.raises(StrategyError, match="no data"):
        oracle("one_shot", MAXIMISE, hyperparameters=space, seed=0)


@pytest.mark.tensorflow
def test_a_stop_leaves_no_scores_behind() -> None:
    _, journal = prepared(OneShot(epochs=1, pool=2), Stopped())
    assert not journal.history.prepared


@pytest.mark.tensorflow
def test_what_is_known_is_not_measured_again() -> None:
    strategy, journal = ranked([0.1, 0.5])
    count = journal.history.version
    strategy.prepare(None, None, journal, Free(), 0)  # type: ignore[arg-type]
    assert journal.history.version == count


@pytest.mark.tensorflow
def test_a_space_without_a_supernet_is_refused_before_the_first_trial() -> None:
    space = SearchSpace(build)
    strategy = OneShot().over(space.domain)
    with pytest.raises(MeasureError, match="space of chains"):
        strategy.prepare(space, tiny_data(), opened(), Free(), 0)


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Choice("units", [2, 3]))])
    model.compile(loss="mse")
    return model


@pytest.mark.tensorflow
@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"pool": 0}, {"fair": 1}])
def test_options_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(StrategyError, match=next(iter(wrong))):
        OneShot(**wrong)


MIXING = {
    "optimizer": [["adam", 0.1], ["sgd", 0.9]],
    "rate": [[0.1, 0.2], [0.01, 0.7], [0.001, 0.1]],
    "units": [[8, 0.3], [16, 0.3], [32, 0.4]],
}


def learned(**options: Any) -> tuple[Darts, Recorder]:
    strategy = Darts(epochs=1, **options).over(twelve())
    journal = Recorder()
    journal.append("search_opened", objective="quality", direction="max", seed=0)
    detail = {"epoch": 1, "epochs": 1, "options": strategy.options, "mixing": MIXING}
    journal.append("prepared", strategy="darts", what="mixing", detail=detail)
    return strategy, journal


@pytest.mark.tensorflow
def test_the_derived_architecture_comes_first_and_is_trained_by_itself(tmp_path: Path) -> None:
    given: dict[str, Any] = {"space": SPACE, "strategy": "darts", "strategy_options": {"epochs": 2}}
    search = tiny_search(tmp_path, max_trials=2, epochs=2, **given).run()
    events = search.history.prepared
    assert [event["detail"]["epoch"] for event in events] == [1, 2]
    mixing = events[-1]["detail"]["mixing"]
    first = search.history[0]
    for name, value in first.values.items():
        if name in mixing:
            assert value == max(mixing[name], key=lambda pair: pair[1])[0]
    assert first.epochs == 2
    assert first.score is not None
    again = tiny_search(tmp_path, max_trials=3, epochs=2, **given).run()
    assert again.history.prepared == events
    assert len({trial.key for trial in again.history.trials}) == 3


@pytest.mark.tensorflow
def test_after_the_derived_one_others_are_drawn_by_their_weights() -> None:
    strategy, journal = learned()
    drawn = []
    for number in range(12):
        values = strategy.propose(journal.history, proposal_rng(0, number))
        journal.append("trial_proposed", trial=number, values=values, origin="darts")
        drawn.append(values)
    assert drawn[0] == {"optimizer": "sgd", "rate": 0.01, "units": 32}
    assert len({trial.key for trial in journal.history.trials}) == 12
    with pytest.raises(SpaceExhausted):
        strategy.propose(journal.history, proposal_rng(0, 12))


@pytest.mark.tensorflow
def test_an_option_is_drawn_as_often_as_it_weighs() -> None:
    strategy, journal = learned()
    derived = strategy.propose(journal.history, proposal_rng(0, 0))
    journal.append("trial_proposed", trial=0, values=derived, origin="darts")
    drawn = [strategy.propose(journal.history, proposal_rng(0, n)) for n in range(1, 301)]
    share = sum(values["optimizer"] == "adam" for values in drawn) / 300
    # 0.1 of all, of which 0.9 * 0.7 * 0.4 are the derived one's, which is tried already.
    assert 0.09 < share < 0.19
    assert sum(values.get("rate") == 0.001 for values in drawn) < 60


@pytest.mark.tensorflow
def test_weights_of_an_unfinished_training_do_not_count() -> None:
    strategy, journal = learned()
    longer = Darts(epochs=2).over(twelve())
    with pytest.raises(StrategyError, match=r"nas\.Search"):
        longer.propose(journal.history, proposal_rng(0, 0))
    assert strategy.propose(journal.history, proposal_rng(0, 0))


@pytest.mark.tensorflow
def test_an_oracle_refuses_darts_since_it_has_no_data() -> None:
    with pytest.raises(StrategyError, match="no data"):
        oracle("darts", MAXIMISE, hyperparameters=to_hyperparameters(twelve()), seed=0)


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"order": 3},
        {"relaxation": "gumble"},
        {"optimizer": "adamw"},
        {"learning_rate": 0},
        {"arch_learning_rate": "high"},
    ],
)
def test_options_of_darts_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(StrategyError, match=next(iter(wrong))):
        Darts(**wrong)


TWO_MIXINGS = MixingWeights(
    {
        "optimizer": [("adam", 0.1), ("sgd", 0.9)],
        "rate": [(0.1, 0.2), (0.01, 0.7), (0.001, 0.1)],
        "units": [(8, 0.3), (16, 0.3), (32, 0.4)],
    }
)


def test_the_derived_architecture_has_the_heaviest_options() -> None:
    assert TWO_MIXINGS.derived(twelve()) == {"optimizer": "sgd", "rate": 0.01, "units": 32}


def test_a_heavy_option_of_a_choice_that_does_not_count_is_left_out() -> None:
    adam = MixingWeights({**TWO_MIXINGS.weights, "optimizer": [("adam", 0.6), ("sgd", 0.4)]})
    assert adam.derived(twelve()) == {"optimizer": "adam", "units": 32}


def test_options_are_drawn_as_often_as_they_weigh() -> None:
    source = rng()
    drawn = [TWO_MIXINGS.drawn(twelve(), source) for _ in range(1000)]
    assert 0.07 < sum(point["optimizer"] == "adam" for point in drawn) / 1000 < 0.13
    assert 0.36 < sum(point["units"] == 32 for point in drawn) / 1000 < 0.44
    assert all(("rate" in point) == (point["optimizer"] == "sgd") for point in drawn)


def test_what_is_not_mixed_has_its_default_or_is_drawn_from_its_range() -> None:
    mixture, source = MixingWeights({"train": [(True, 1.0), (False, 0.0)]}), rng()
    assert mixture.derived(mixed()) == mixed().complete({"train": True})
    rates = {mixture.drawn(mixed(), source)["rate"] for _ in range(10)}
    assert len(rates) == 10


def test_a_journal_gives_back_the_same_mixture() -> None:
    again = MixingWeights.of(json.loads(json.dumps(TWO_MIXINGS.listed)))
    assert again == TWO_MIXINGS


def test_the_pool_is_better_than_chance_and_all_different() -> None:
    found = score_pool(mixed(), quality, 60, 1.0, rng()) or []
    assert len({values_key(values) for values, _ in found}) == 60
    drawn, mutants = found[:30], found[30:]
    assert np.mean([s for _, s in mutants]) > np.mean([s for _, s in drawn]) + 1


def test_where_less_is_better_mutants_come_from_the_lowest() -> None:
    found = score_pool(mixed(), quality, 60, -1.0, rng()) or []
    drawn, mutants = found[:30], found[30:]
    assert np.mean([s for _, s in mutants]) < np.mean([s for _, s in drawn]) - 1


def test_a_space_no_larger_than_the_pool_is_scored_whole() -> None:
    found = score_pool(twelve(), quality, 12, 1.0, rng()) or []
    assert [values for values, _ in found] == list(twelve().enumerate())


def test_a_candidate_without_a_score_is_left_out() -> None:
    found = score_pool(twelve(), lambda v: math.nan if v["units"] == 8 else 1.0, 12, 1.0, rng())
    assert len(found or []) == 8


def test_a_stop_leaves_no_pool() -> None:
    assert score_pool(twelve(), lambda v: None, 12, 1.0, rng()) is None
