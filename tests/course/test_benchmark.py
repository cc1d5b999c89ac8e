from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nas_nb.course.benchmark import benchmark
from nas_nb.errors import DataError, SearchError, SpaceError
from tests.course.synthetic import ROWS, SPACE, made_up, new_mutant, right, written

BENCH = made_up()
_GOOD = {"units": 16, "activation": "relu"}
BEST = {
    "depth": 3,
    **{f"{name}_{layer}": v for layer in (1, 2, 3) for name, v in _GOOD.items()},
}


def test_a_query_answers_for_a_seed_and_an_epoch():
    values = SPACE.sample(np.random.default_rng(0))
    known = BENCH.query(values, epochs=2, seed=1)
    assert known.score == pytest.approx(right(values, 1, 2) / ROWS["val"])
    assert (known.seeds, known.epochs) == (1, 2)
    assert math.isnan(known.standard_error)
    whole = BENCH.query(values)
    assert whole.score == pytest.approx((right(values, 0, 4) + right(values, 1, 4)) / 1000)
    assert whole.standard_error == pytest.approx(0.001)
    assert whole.duration_s == pytest.approx(known.duration_s * 2)
    assert whole.loss == pytest.approx(1.6)


def test_values_in_any_order_and_a_trial_are_architectures():
    turned = dict(reversed(BEST.items()))
    trial = BENCH.search("random", 1).trials[0]
    assert BENCH.query(turned) == BENCH.query(BEST)
    assert BENCH.query(trial).score == pytest.approx(trial.score)


@pytest.mark.parametrize(
    ("values", "options", "error"),
    [
        ({"depth": 9}, {}, SpaceError),
        ({"width": 4}, {}, SpaceError),
        ("best", {}, SpaceError),
        (BEST, {"epochs": 5}, DataError),
        (BEST, {"seed": 2}, DataError),
        (BEST, {"seed": -1}, DataError),
    ],
)
def test_what_the_table_lacks_is_refused(values, options, error):
    with pytest.raises(error, match="Received: "):
        BENCH.query(values, **options)


def test_regret_counts_from_the_best_mean():
    assert BENCH.regret(BEST) == 0
    least = {"depth": 1, "units_1": 4, "activation_1": "tanh"}
    assert BENCH.regret(least) == pytest.approx((60 + 10) / 500)
    history = BENCH.search("evolution", 30)
    assert BENCH.regret(history) == BENCH.regret(history.incumbent)


def test_regret_of_nothing_is_refused():
    with pytest.raises(SearchError, match="a completed trial"):
        BENCH.regret(BENCH.opened(0, 1, "none"))


def test_the_ranked_list_begins_with_the_best():
    ranked = BENCH.ranked(None)
    scores = [one.measured.score for one in ranked]
    assert ranked[0].values == BEST
    assert [one.rank for one in ranked] == list(range(1, 85))
    assert scores == sorted(scores, reverse=True)


def test_a_search_is_the_same_for_a_seed_and_tries_nothing_twice():
    one, two, other = (BENCH.search(new_mutant, 40, seed) for seed in (3, 3, 4))
    tried = [trial.key for trial in one.trials]
    assert tried == [trial.key for trial in two.trials]
    assert tried != [trial.key for trial in other.trials]
    assert len(set(tried)) == 40
    assert one.trials[0].epochs == 4
    assert one.trials[0].costs["params"] >= 1000


def test_a_search_without_curves_finds_the_same():
    whole, bare = (BENCH.search(new_mutant, 40, 3, curves=each).trials for each in (True, False))
    assert [trial.score for trial in whole] == [trial.score for trial in bare]
    assert whole[0].curve
    assert not bare[0].curve


def test_a_search_ends_with_the_space():
    assert len(BENCH.search("random", 100)) == 84


def test_low_fidelities_are_measured_after_fewer_epochs():
    history = BENCH.search("hyperband", 20)
    first = history.trials[0]
    assert first.epochs == first.fidelity["epochs"] < 4
    assert first.score == pytest.approx(BENCH.query(first, epochs=first.epochs).score)


def test_a_race_has_the_histories_of_each_strategy():
    found = BENCH.race(["random", new_mutant], seeds=3, trials=5)
    assert {name: [len(h) for h in histories] for name, histories in found.items()} == {
        "random": [5, 5, 5],
        "new_mutant": [5, 5, 5],
    }


def test_a_paced_benchmark_answers_the_same(monkeypatch: pytest.MonkeyPatch):
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    assert BENCH.paced(2).score(BEST) == BENCH.score(BEST)
    assert slept == [pytest.approx(2 * BENCH.duration_s(BEST))]


def test_a_file_is_a_benchmark_and_an_unknown_name_is_refused(tmp_path: Path):
    assert len(benchmark(written(tmp_path))) == 84
    with pytest.raises(DataError, match="Received: 'digit'"):
        benchmark("digit")


def test_nothing_of_it_imports_tensorflow(tmp_path: Path):
    source = f"""
import sys
import nas_nb as nas
bench = nas.benchmark({str(written(tmp_path))!r})
bench.space.sample
bench.race(["random", "evolution", "auto", "hyperband"], seeds=1, trials=12)
nas.check("local_search", bench, seeds=10, trials=10)
heavy = {{"tensorflow", "keras", "keras_tuner", "sklearn", "pandas", "matplotlib", "IPython"}}
print(*heavy & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == []
    assert done.returncode == 0, done.stderr
