from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from nas_nb.errors import StrategyError
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.random_grid import RandomSearch
from nas_nb.strategy.registry import STRATEGIES, make_strategy
from tests.strategy.worlds import chain


def draw(history: object, rng: Any) -> dict[str, Any]:
    return chain().sample(rng)


def marked(name: str) -> Any:
    """A parameter of that name; two are written in TensorFlow."""
    own = name in ("one_shot", "gradient", "darts")
    return pytest.param(name, marks=pytest.mark.tensorflow) if own else name


@pytest.mark.parametrize("name", [marked(name) for name in STRATEGIES])
def test_every_name_makes_its_strategy_bound_to_the_space(name: str) -> None:
    made = make_strategy(name, chain())
    assert type(made) is STRATEGIES[name]
    assert made.name == name
    assert made.domain == chain()


def test_every_strategy_says_when_to_use_it_and_when_not() -> None:
    for kind in STRATEGIES.values():
        text = kind.__doc__ or ""
        assert "Use it" in text
        assert "Don't" in text


@pytest.mark.parametrize("given", ["evolution", Evolution, Evolution(population=30)])
def test_options_reach_a_name_a_class_and_an_instance(given: Any) -> None:
    made = make_strategy(given, chain(), population=12, sample=3)
    assert made == Evolution(domain=chain(), population=12, sample=3)


def test_an_instance_is_not_changed() -> None:
    given = Evolution(population=30)
    make_strategy(given, chain(), population=12)
    assert given == Evolution(population=30)


def test_a_function_becomes_a_strategy() -> None:
    assert make_strategy(draw, chain()).name == "draw"


@pytest.mark.parametrize(
    ("given", "options", "sentence"),
    [
        ("evolutoin", {}, "There is no strategy 'evolutoin'. Did you mean 'evolution'?"),
        ("", {}, "Expected one of 'auto', 'random'"),
        ("evolution", {"populaton": 3}, "Did you mean 'population'? Its options are population"),
        ("evolution", {"seed": 1}, "has no option 'seed'"),
        ("random", {"tries": 3}, "has no option 'tries'. It has no options."),
        (draw, {"population": 3}, "A function as strategy takes no options"),
        (7, {}, "Received: 7 (of type int)"),
    ],
)
def test_what_is_not_known_is_refused_with_advice(
    given: Any, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(StrategyError) as refused:
        make_strategy(given, **options)
    assert sentence in str(refused.value)


def test_a_space_already_bound_is_kept_unless_another_is_given() -> None:
    bound = RandomSearch(domain=chain())
    assert make_strategy(bound).domain is bound.domain


def test_the_names_are_known_without_keras() -> None:
    heavy = "{'keras', 'keras_tuner', 'tensorflow', 'sklearn', 'scipy', 'pandas', 'optuna'}"
    code = f"import sys, nas_nb.strategy.registry; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_withdrawn_strategy_says_what_to_take() -> None:
    with pytest.raises(StrategyError, match=r"was withdrawn .take 'predictor' with min_epochs=1"):
        make_strategy("funnel")
