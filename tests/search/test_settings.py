from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import pytest

from nas_nb.errors import SearchError, StrategyError
from nas_nb.space.ranges import Interval
from nas_nb.space.search_space import SearchSpace
from tests.search.tiny import CHOICES, tiny_search

pytestmark = pytest.mark.tensorflow
sharing = pytest.mark.parametrize("strategy", ["one_shot", "darts"])


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Choice("units", [2, 3]))])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@sharing
def test_a_space_without_a_shared_net_is_refused_at_construction(
    strategy: str, tmp_path: Path
) -> None:
    with pytest.raises(StrategyError, match=f"Strategy '{strategy}' trains one net for the whole"):
        tiny_search(tmp_path, space=build, strategy=strategy)
    assert not list(tmp_path.iterdir())


@sharing
@pytest.mark.parametrize("started", [False, True])
def test_such_a_strategy_is_refused_by_steering_and_the_search_goes_on(
    strategy: str, started: bool, tmp_path: Path
) -> None:
    search = tiny_search(tmp_path, space=build, epochs=1, max_trials=1)
    if started:
        search.run()
    for ask in (search.steer.strategy, lambda name: search.configure(strategy=name)):
        with pytest.raises(StrategyError, match="this space has none"):
            ask(strategy)
    assert search.strategy.name == "random"
    assert not search.history.steering
    assert len(search.run().history.completed) == 1


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({**CHOICES, "learning_rate": Interval(0.01, 0.1)}, None),
        ({**CHOICES, "dropout": Interval(0.0, 0.5)}, "a range for 'dropout"),
        ({"layers": ["Dense"], "units": [2], "activations": ["relu"], "depth": [1]}, "one arch"),
    ],
)
def test_what_a_mixture_cannot_weigh_is_refused(
    space: dict[str, Any], words: str | None, tmp_path: Path
) -> None:
    if words is None:
        assert tiny_search(tmp_path, space=space, strategy="darts").strategy.name == "darts"
        return
    with pytest.raises(StrategyError, match=words):
        tiny_search(tmp_path, space=space, strategy="darts")


def test_a_cost_that_no_search_measures_is_refused_at_construction(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="Did you mean 'params'"):
        tiny_search(tmp_path, strategy="nsga2", strategy_options={"cost": "parms"})


def test_a_search_says_what_auto_chose_from_its_start_on(tmp_path: Path) -> None:
    search = tiny_search(tmp_path, strategy="auto", max_trials=1, epochs=1)
    assert search.strategy_reason is None
    assert repr(search).endswith("strategy auto>")
    search.run()
    assert search.strategy_reason == "grid, because the space has only 12 architectures."
    assert repr(search).endswith(
        "strategy auto (grid, because the space has only 12 architectures)>"
    )


class Trained(kt.HyperModel):  # type: ignore[misc]
    def build(self, hp: kt.HyperParameters) -> keras.Model:
        return build(hp)

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        return model.fit(*args, batch_size=8, **kwargs)


class Built(kt.HyperModel):  # type: ignore[misc]
    def build(self, hp: kt.HyperParameters) -> keras.Model:
        return build(hp)


@pytest.mark.parametrize("wrap", [lambda model: model, SearchSpace])
def test_a_hypermodel_that_trains_its_models_is_refused_with_the_way_out(
    wrap: Any, tmp_path: Path
) -> None:
    with pytest.raises(SearchError, match="Received: Trained, whose `fit` would not be called"):
        tiny_search(tmp_path, space=wrap(Trained()))
    assert tiny_search(tmp_path, space=wrap(Built())).state == "new"
