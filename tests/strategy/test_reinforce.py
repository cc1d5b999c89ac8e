from collections import Counter

import pytest

from nas_nb.errors import StrategyError
from nas_nb.space.domain import Domain
from nas_nb.strategy.reinforce import Reinforce
from tests.strategy.worlds import choice, rng, told

WIDE = Domain(tuple(choice(f"c{n}", "x", "y", "z") for n in range(6)))


def drawn(direction: str) -> Counter[object]:
    """What it proposes for the first choice after 60 trials in which "y" alone scored."""
    source = rng()
    points = list({tuple(p.items()): p for p in (WIDE.sample(source) for _ in range(60))}.values())
    history = told([(point, float(point["c0"] == "y")) for point in points], direction)
    strategy = Reinforce(domain=WIDE)
    return Counter(strategy.propose(history, rng(seed))["c0"] for seed in range(100))


def test_what_was_rewarded_becomes_more_likely() -> None:
    assert drawn("max")["y"] > 60


def test_in_a_minimisation_it_becomes_less_likely() -> None:
    assert drawn("min")["y"] < 15


def test_equal_scores_teach_nothing_and_do_no_harm() -> None:
    history = told([(point, 0.5) for point in list(WIDE.enumerate())[:20]])
    assert WIDE.contains(Reinforce(domain=WIDE).propose(history, rng()))


@pytest.mark.parametrize("options", [{"learning_rate": 0.0}, {"decay": 1.0}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(StrategyError, match=next(iter(options))):
        Reinforce(**options)
