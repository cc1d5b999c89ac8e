from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from nas_nb.errors import StrategyError
from nas_nb.strategy.base import option_help
from nas_nb.strategy.random_grid import RandomSearch
from nas_nb.strategy.registry import STRATEGIES, make_strategy

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
