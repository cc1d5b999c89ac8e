import pytest

from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.base import SpaceExhausted, new_mutant
from tests.strategy.worlds import rng, told, twelve


def test_the_last_untried_point_is_found_however_far_away() -> None:
    *tried, last = list(twelve().enumerate())
    history = told([(point, 0.1) for point in tried])
    assert new_mutant(twelve(), tried[0], history, rng()) == last


def test_a_space_without_choices_is_exhausted_by_its_one_point() -> None:
    domain = Domain((Parameter("loss", ParameterKind.FIXED, ("mse",)),))
    with pytest.raises(SpaceExhausted):
        new_mutant(domain, {"loss": "mse"}, told([({"loss": "mse"}, 0.5)]), rng())
