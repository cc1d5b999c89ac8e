from __future__ import annotations

import json

from nas_nb.strategy.weight_sharing import MixingWeights
from tests.strategy.worlds import mixed, rng, twelve

MIXING = MixingWeights(
    {
        "optimizer": [("adam", 0.1), ("sgd", 0.9)],
        "rate": [(0.1, 0.2), (0.01, 0.7), (0.001, 0.1)],
        "units": [(8, 0.3), (16, 0.3), (32, 0.4)],
    }
)


def test_the_derived_architecture_has_the_heaviest_options() -> None:
    assert MIXING.derived(twelve()) == {"optimizer": "sgd", "rate": 0.01, "units": 32}


def test_a_heavy_option_of_a_choice_that_does_not_count_is_left_out() -> None:
    adam = MixingWeights({**MIXING.weights, "optimizer": [("adam", 0.6), ("sgd", 0.4)]})
    assert adam.derived(twelve()) == {"optimizer": "adam", "units": 32}


def test_options_are_drawn_as_often_as_they_weigh() -> None:
    source = rng()
    drawn = [MIXING.drawn(twelve(), source) for _ in range(1000)]
    assert 0.07 < sum(point["optimizer"] == "adam" for point in drawn) / 1000 < 0.13
    assert 0.36 < sum(point["units"] == 32 for point in drawn) / 1000 < 0.44
    assert all(("rate" in point) == (point["optimizer"] == "sgd") for point in drawn)


def test_what_is_not_mixed_has_its_default_or_is_drawn_from_its_range() -> None:
    mixture, source = MixingWeights({"train": [(True, 1.0), (False, 0.0)]}), rng()
    assert mixture.derived(mixed()) == mixed().complete({"train": True})
    rates = {mixture.drawn(mixed(), source)["rate"] for _ in range(10)}
    assert len(rates) == 10


def test_a_journal_gives_back_the_same_mixture() -> None:
    again = MixingWeights.of(json.loads(json.dumps(MIXING.listed)))
    assert again == MIXING
