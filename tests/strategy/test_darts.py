from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import oracle
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.strategy.base import SpaceExhausted, proposal_rng
from nas_nb.strategy.weight_sharing import Darts
from tests.search.tiny import tiny_search
from tests.strategy.worlds import MAXIMISE, Recorder, twelve

pytestmark = pytest.mark.tensorflow

SPACE = {"layers": ["Dense"], "units": [2, 3], "activations": ["relu"], "depth": [1, 2]}
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


def test_an_option_is_drawn_as_often_as_it_weighs() -> None:
    strategy, journal = learned()
    derived = strategy.propose(journal.history, proposal_rng(0, 0))
    journal.append("trial_proposed", trial=0, values=derived, origin="darts")
    drawn = [strategy.propose(journal.history, proposal_rng(0, n)) for n in range(1, 301)]
    share = sum(values["optimizer"] == "adam" for values in drawn) / 300
    # 0.1 of all, of which 0.9 * 0.7 * 0.4 are the derived one's, which is tried already.
    assert 0.09 < share < 0.19
    assert sum(values.get("rate") == 0.001 for values in drawn) < 60


def test_weights_of_an_unfinished_training_do_not_count() -> None:
    strategy, journal = learned()
    longer = Darts(epochs=2).over(twelve())
    with pytest.raises(StrategyError, match=r"nas\.Search"):
        longer.propose(journal.history, proposal_rng(0, 0))
    assert strategy.propose(journal.history, proposal_rng(0, 0))


def test_an_oracle_refuses_it_since_it_has_no_data() -> None:
    with pytest.raises(StrategyError, match="no data"):
        oracle("darts", MAXIMISE, hyperparameters=to_hyperparameters(twelve()), seed=0)


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
def test_options_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(StrategyError, match=next(iter(wrong))):
        Darts(**wrong)
