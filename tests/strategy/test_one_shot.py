from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import pytest

from nas_nb.errors import MeasureError, StrategyError
from nas_nb.oracles.strategy_oracle import oracle
from nas_nb.record.history import fold
from nas_nb.record.journal import Journal
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.space.search_space import SearchSpace
from nas_nb.strategy.base import SpaceExhausted, proposal_rng
from nas_nb.strategy.weight_sharing import OneShot
from tests.search.tiny import tiny_data, tiny_search
from tests.strategy.worlds import MAXIMISE, Recorder, twelve

pytestmark = pytest.mark.tensorflow

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


def test_a_proposal_follows_from_the_history_alone() -> None:
    strategy, journal = ranked([0.1, 0.5, 0.3])
    known = fold(journal.events)  # type: ignore[attr-defined]
    points = list(strategy.domain.enumerate())
    assert strategy.propose(known, proposal_rng(0, 0)) == points[1]
    assert strategy.propose(known, proposal_rng(9, 7)) == points[1]


def test_less_is_better_where_the_search_says_so() -> None:
    strategy = OneShot().over(twelve())
    points = list(strategy.domain.enumerate())
    journal = Recorder()
    journal.append("search_opened", objective="val_loss", direction="min", seed=0)
    detail = {"options": strategy.options, "candidates": [[points[0], 0.9], [points[1], 0.2]]}
    journal.append("prepared", strategy="one_shot", what="scores", detail=detail)
    assert strategy.propose(journal.history, proposal_rng(0, 0)) == points[1]


def test_when_the_pool_is_used_up_the_rest_of_the_space_follows() -> None:
    strategy, journal = ranked([0.1, 0.5, 0.3])
    for number in range(12):
        values = strategy.propose(journal.history, proposal_rng(0, number))
        journal.append("trial_proposed", trial=number, values=values, origin="one_shot")
    assert len({trial.key for trial in journal.history.trials}) == 12
    with pytest.raises(SpaceExhausted):
        strategy.propose(journal.history, proposal_rng(0, 12))


def test_scores_of_other_options_do_not_count() -> None:
    _, journal = ranked([0.1, 0.5], epochs=3)
    other = OneShot(epochs=4).over(twelve())
    with pytest.raises(StrategyError, match=r"nas\.Search"):
        other.propose(journal.history, proposal_rng(0, 0))


def test_an_oracle_refuses_it_since_it_has_no_data() -> None:
    space = to_hyperparameters(twelve())
    with pytest.raises(StrategyError, match="no data"):
        oracle("one_shot", MAXIMISE, hyperparameters=space, seed=0)


def test_a_stop_leaves_no_scores_behind() -> None:
    _, journal = prepared(OneShot(epochs=1, pool=2), Stopped())
    assert not journal.history.prepared


def test_what_is_known_is_not_measured_again() -> None:
    strategy, journal = ranked([0.1, 0.5])
    count = journal.history.version
    strategy.prepare(None, None, journal, Free(), 0)  # type: ignore[arg-type]
    assert journal.history.version == count


def test_a_space_without_a_supernet_is_refused_before_the_first_trial() -> None:
    space = SearchSpace(build)
    strategy = OneShot().over(space.domain)
    with pytest.raises(MeasureError, match="space of chains"):
        strategy.prepare(space, tiny_data(), opened(), Free(), 0)


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Choice("units", [2, 3]))])
    model.compile(loss="mse")
    return model


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"pool": 0}, {"fair": 1}])
def test_options_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(StrategyError, match=next(iter(wrong))):
        OneShot(**wrong)
