from __future__ import annotations

import dataclasses
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from nas_nb.errors import StrategyError
from nas_nb.record.history import History
from nas_nb.record.journal import Journal
from nas_nb.space.domain import Domain
from nas_nb.strategy.base import Proposal, option_help
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.random_grid import RandomSearch
from nas_nb.strategy.registry import STRATEGIES, Auto, make_strategy
from tests.strategy.worlds import cells, chain, mixed, rng, told, twelve


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


WRONG: dict[str, tuple[Any, ...]] = {
    "int": ("1", 1.5, True, [1], None),
    "float": ("0.1", "a", True, [0.1], None),
    "bool": ("no", 1, None),
    "str": (3, None, ["params"]),
    "int | None": ("1", 1.5, True, [1]),
}
OPTIONS = [
    (kind, field.name, value)
    for kind in STRATEGIES.values()
    for field in dataclasses.fields(kind)
    if field.name != "domain"
    for value in WRONG[str(field.type)]
]


@dataclass(frozen=True)
class Own(RandomSearch):
    """A strategy of a user's, which checks nothing."""

    name: ClassVar[str] = "own"

    rate: float = 0.5
    rounds: int | None = None
    anything: Any = None


@pytest.mark.parametrize(("kind", "option", "value"), OPTIONS)
def test_every_option_refuses_a_value_of_a_wrong_type_and_names_it(
    kind: Any, option: str, value: Any
) -> None:
    with pytest.raises(StrategyError) as refused:
        make_strategy(kind, **{option: value})
    said = str(refused.value)
    assert said.startswith(f"Strategy '{kind.name}' expected `{option}` to be ")
    assert f"Received: {option}={value!r}." in said


def test_a_default_changed_on_an_instance_is_checked_too() -> None:
    with pytest.raises(StrategyError, match="`decay` to be a number"):
        make_strategy(make_strategy("reinforce"), decay="a")


def test_options_of_a_users_own_class_are_checked_by_their_types() -> None:
    made = make_strategy(Own, rate=1, rounds=None, anything=object())
    assert made.options["rate"] == 1
    with pytest.raises(StrategyError, match="`rounds` to be a whole number or None"):
        make_strategy(Own, rounds=2.5)


def test_every_option_is_explained_in_the_docstring_of_its_class() -> None:
    for kind in STRATEGIES.values():
        for name, about in option_help(kind).items():
            assert f"    {name}: {about}\n" in f"{kind.__doc__}\n"
            assert about.endswith(".")


def search(budget: dict[str, Any], epochs: int) -> Journal:
    journal = Journal.in_memory()
    about = {"objective": "quality", "direction": "max", "seed": 0}
    journal.append("search_opened", **about, budget=budget, fidelity={"epochs": epochs})
    return journal


@pytest.mark.parametrize(
    ("domain", "budget", "epochs", "chosen", "why"),
    [
        (twelve(), {"max_time_s": 60.0}, 10, "grid", "because the space has only 12 architectures"),
        (chain(), {"max_trials": 60}, 10, "predictor", "each trial is a full training"),
        (
            mixed(),
            {"max_time_s": 60.0},
            10,
            "predictor with rungs",
            "half of the budget goes to full trainings",
        ),
        (mixed(), {"max_epochs": 60}, 10, "predictor with rungs", "of which one of 4 goes on"),
        (cells(), {"max_time_s": 60.0}, 2, "predictor", "too short to cut"),
        (cells(), {}, 10, "predictor", "and from their sizes"),
    ],
)
def test_it_chooses_by_space_and_budget_and_says_why(
    domain: Domain, budget: dict[str, Any], epochs: int, chosen: str, why: str
) -> None:
    auto, history = Auto().over(domain), search(budget, epochs).history
    assert auto.choose(history).strategy.name == chosen.split(maxsplit=1)[0]
    assert auto.reason(history).startswith(f"{chosen}, because ")
    assert why in auto.reason(history)


def test_where_epochs_are_limited_it_begins_in_full_and_goes_on_with_one_epoch() -> None:
    auto, journal = Auto().over(chain()), search({"max_epochs": 400}, 10)
    epochs = []
    for number in range(6):
        made = auto.propose(journal.history, rng(number))
        assert isinstance(made, Proposal)
        epochs.append(made.fidelity["epochs"])
        about = {"values": made.values, "fidelity": made.fidelity, "origin": "auto"}
        journal.append("trial_proposed", trial=number, **about)
        journal.append("trial_ended", trial=number, status="completed", score=0.5, reason=None)
    assert epochs == [10, 10, 10, 10, 10, 1]


def test_without_a_limit_of_time_it_proposes_what_the_predictor_does() -> None:
    # So the benchmarks on tables, which count trainings, run one of the two.
    points, source = [cells().sample(rng(n)) for n in range(12)], rng()
    scores = source.random(12).tolist()
    for size in range(13):
        history = told(list(zip(points[:size], scores, strict=False)))
        auto, predictor = Auto().over(cells()), Predictor().over(cells())
        assert auto.propose(history, rng(size)) == predictor.propose(history, rng(size))


def test_with_a_number_of_trials_no_fidelity_is_asked_for() -> None:
    auto = Auto().over(chain())
    assert isinstance(auto.propose(search({"max_trials": 60}, 10).history, rng()), dict)


def test_what_it_chose_is_in_its_text_and_in_the_journal() -> None:
    auto = make_strategy("auto", chain())
    assert repr(auto).startswith("Auto(predictor, because ")
    assert auto.options == {}
    journal = search({"max_trials": 60}, 10)
    for _ in range(2):  # the second start of a search has nothing new to tell
        auto.prepare(None, None, journal, None, 0)  # type: ignore[arg-type]
    (event,) = journal.history.prepared
    assert event["what"] == "choice"
    told = {"chosen": "predictor", "reason": auto.reason(journal.history)}
    assert event["detail"] == told


def test_the_other_strategies_have_no_reason_to_tell() -> None:
    assert make_strategy("random", chain()).reason(History()) is None
