from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas_nb.errors import NasError, NasWarning, SearchError
from nas_nb.record.journal import read_events
from nas_nb.record.trial import values_key
from nas_nb.search import race as race_module
from nas_nb.search.race import Race, label_strategies
from nas_nb.strategy.registry import make_strategy
from tests.search.tiny import CHOICES, tiny_data
from tests.strategy.worlds import chain, quality, rng, told, twelve


def over_table(directory: Path, **changes: Any) -> Race:
    given: dict[str, Any] = {"strategies": ["random", "local_search"], "seeds": 2, "max_trials": 6}
    given |= {"table": quality, "directory": directory, **changes}
    return Race(given.pop("space", chain()), **given)


def test_a_race_over_a_table_runs_every_strategy_with_every_seed(tmp_path: Path):
    race = over_table(tmp_path).run()
    frame = race.frame()
    assert list(race.histories) == [
        ("random", 0),
        ("local_search", 0),
        ("random", 1),
        ("local_search", 1),
    ]
    assert len(frame) == 4 * 6
    for (label, seed), history in race.histories.items():
        own = frame[(frame.strategy == label) & (frame.seed == seed)]
        assert list(own.score) == [quality(trial.values) for trial in history.finished]
        assert list(own.incumbent) == list(own.score.cummax())
        assert list(own.trial) == [1, 2, 3, 4, 5, 6]


def test_the_summary_has_means_over_seeds_and_their_errors_the_best_first(tmp_path: Path):
    race = over_table(tmp_path).run()
    summary = race.summary()
    finals = race.frame().groupby(["strategy", "seed"]).score.max().unstack()
    for label in race.labels:
        a, b = finals.loc[label]
        assert summary.loc[label, "mean"] == pytest.approx((a + b) / 2)
        assert summary.loc[label, "standard_error"] == pytest.approx(abs(a - b) / 2)
        assert summary.loc[label, "best"] == max(a, b)
    assert race.leaders[0] == summary.index[0] == finals.mean(axis=1).idxmax()
    assert race.leaders[0] in repr(race)


def test_scores_that_only_rounding_tells_apart_have_no_error():
    assert race_module._standard_error(np.array([0.1 + 0.2, 0.3, 0.3])) == 0
    assert race_module._standard_error(np.zeros(3)) == 0
    assert race_module._standard_error(np.array([1e-6, 2e-6])) > 0


def test_one_seed_has_no_standard_error(tmp_path: Path):
    summary = over_table(tmp_path, seeds=[7]).run().summary()
    assert all(math.isnan(error) for error in summary.standard_error)


def test_less_is_better_where_the_direction_says_so(tmp_path: Path):
    race = over_table(tmp_path, direction="min").run()
    assert race.frame().groupby("strategy").incumbent.last().notna().all()
    assert race.summary()["mean"].is_monotonic_increasing
    first = race.histories["random", 0]
    assert first.incumbent.score == min(quality(trial.values) for trial in first.finished)


def test_a_race_that_was_interrupted_goes_on_and_measures_nothing_twice(tmp_path: Path):
    def interrupting(values: Any) -> float:
        asked.append(values)
        if len(asked) == 10:
            race.stop()
        return quality(values)

    asked: list[Any] = []
    race = over_table(tmp_path / "cut", table=interrupting)
    race.run()
    assert race.interrupted
    assert "`.run()` goes on" in repr(race)
    assert len(race.frame()) == 10
    again = over_table(tmp_path / "cut", table=interrupting)
    assert len(again.frame()) == 10  # what was measured is there before it runs
    again.run()
    whole = over_table(tmp_path / "whole", table=interrupting).run()
    assert len(asked) == 24 + 24
    assert again.frame().equals(whole.frame())


def test_a_race_that_is_over_runs_again_without_a_trial(tmp_path: Path):
    over_table(tmp_path).run()
    journal = next(tmp_path.rglob("journal.jsonl"))
    before = journal.read_bytes()
    assert len(over_table(tmp_path).run().frame()) == 24
    assert journal.read_bytes() == before


def test_a_mapping_is_a_table_by_its_texts_or_its_tuples(tmp_path: Path):
    points = list(twelve().enumerate())
    texts = {values_key(point): quality(point) for point in points}
    tuples = {tuple(point.values()): quality(point) for point in points[:-1]}
    full = over_table(tmp_path / "a", space=twelve(), table=texts, max_trials=99).run()
    assert full.frame().score.notna().all()
    gap = over_table(tmp_path / "b", space=twelve(), table=tuples, max_trials=99).run()
    failed = [t for t in gap.histories["random", 0].finished if t.score is None]
    assert [trial.values for trial in failed] == [points[-1]]
    assert "no score" in failed[0].reason


def test_times_of_a_table_are_those_that_it_tells(tmp_path: Path):
    class Benchmark:
        def score(self, values: Any) -> float:
            return quality(values)

        def duration_s(self, values: Any) -> float:
            return 2.5

    race = over_table(tmp_path, table=Benchmark(), max_time=9, max_trials=50).run()
    assert set(race.frame().groupby(["strategy", "seed"]).time_s.max()) == {10.0}


def test_a_table_that_knows_learning_curves_lets_strategies_with_fidelities_race(tmp_path: Path):
    class Curves:
        epochs = 9

        def score(self, values: Any, epochs: int) -> float:
            return quality(values) * epochs / 9

        def duration_s(self, values: Any, epochs: int) -> float:
            return float(epochs)

    race = over_table(tmp_path, strategies=["asha", "random"], table=Curves(), max_trials=9).run()
    frame = race.frame().groupby("strategy").time_s.max()
    assert frame["random"] == 9 * 9
    assert frame["asha"] < 9 * 9
    for trial in race.histories["asha", 0].finished:
        assert trial.score == quality(trial.values) * trial.fidelity["epochs"] / 9


def test_a_finished_search_is_a_table_of_its_own_architectures(tmp_path: Path):
    generator = rng(3)
    points = list(
        {values_key(p): p for p in (chain().sample(generator) for _ in range(30))}.values()
    )
    history = told([(point, None if n == 0 else quality(point)) for n, point in enumerate(points)])
    race = over_table(tmp_path, table=history, max_trials=len(points) + 5).run()
    for race_run in race.histories.values():
        assert {t.key for t in race_run.finished} == {values_key(point) for point in points}
        assert len(race_run.finished) == len(points)
        assert race_run.incumbent.score == max(map(quality, points[1:]))
    assert race.objective == "quality"


def test_a_race_that_trains_has_a_search_in_each_folder(tmp_path: Path):
    given: dict[str, Any] = {"max_trials": 2, "epochs": 1, "directory": tmp_path, "seeds": 1}
    race = Race(CHOICES, tiny_data(), strategies=["random", "grid"], **given).run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid-seed0", "random-seed0"]
    assert len(race.frame()) == 4
    assert set(race.frame().groupby("strategy").epochs.max()) == {2}
    again = Race(CHOICES, tiny_data(), strategies=["random", "grid"], **given).run()
    assert again.frame().equals(race.frame())
    events = list(read_events(tmp_path / "grid-seed0" / "journal.jsonl"))
    assert sum(event["event"] == "trial_proposed" for event in events) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategies": ["random", "evolutoin"]}, "Did you mean 'evolution'"),
        ({"strategies": []}, "a list of strategies"),
        ({"strategies": "random"}, "a list of strategies"),
        ({"strategies": ["random", "random"]}, "name them in a dict"),
        ({"strategies": {" ": "random"}}, "names of strategies as text"),
        ({"seeds": 0}, "1 to 1000 seeds"),
        ({"seeds": None}, "1 to 1000 seeds"),
        ({"seeds": ["a"]}, "1 to 1000 seeds"),
        ({"strategies": 5}, "a list of strategies"),
        ({"max_trials": None}, "no budget"),
        ({"max_trials": None, "max_time": 5}, "max_trials"),
        ({"space": None}, "Expected the space"),
        ({"table": "nowhere"}, "folder of a search"),
        pytest.param(
            {"strategies": ["random", "one_shot"]},
            "first trains on data",
            marks=pytest.mark.tensorflow,
        ),
    ],
)
def test_a_race_that_can_not_be_run_is_refused_before_it_begins(
    changes: dict, words: str, tmp_path: Path
):
    with pytest.raises(NasError, match=words):
        over_table(tmp_path, **changes)
    assert list(tmp_path.iterdir()) == []


def test_another_table_does_not_go_on_in_the_folder_of_a_race(tmp_path: Path):
    over_table(tmp_path).run()
    with pytest.raises(SearchError, match="another space"):
        over_table(tmp_path, space=twelve(), max_trials=7).run()


def test_an_edited_strategy_or_table_runs_anew_and_says_so(tmp_path: Path):
    def racers(shift: int) -> dict[str, Any]:
        def mine(history: Any, rng: Any) -> dict[str, Any]:
            return chain().sample(rng) if shift else {}

        return {"random": "random", "mine": mine}

    first = over_table(tmp_path, strategies=racers(1)).run()
    again = over_table(tmp_path, strategies=racers(1))
    assert again.frame().equals(first.frame())
    with pytest.warns(NasWarning, match=r"runs anew.*'mine' \(.*shift = 1, now 2\)\.$"):
        edited = over_table(tmp_path, strategies=racers(2))
    assert set(edited.frame().strategy) == {"random"}  # which was not edited
    with pytest.warns(NasWarning, match=r"'random' \(.*'mine' \("):
        other = over_table(tmp_path, strategies=racers(1), table=lambda values: -quality(values))
    assert other.run().frame().score.max() <= 0
    old, young = (make_strategy("evolution", population=size, sample=2) for size in (5, 6))
    over_table(tmp_path / "options", strategies={"one": old}).run()
    with pytest.warns(NasWarning, match="population"):
        over_table(tmp_path / "options", strategies={"one": young})
    # What was edited back is known without a word, and so is the edit.
    assert over_table(tmp_path, strategies=racers(1)).frame().equals(first.frame())
    edited.run()
    again = over_table(tmp_path, strategies=racers(2))
    assert again.frame().equals(edited.frame())


def test_names_of_your_own_tell_options_apart():
    racers = label_strategies({"young": "evolution", "old": "evolution"})
    assert list(racers) == ["young", "old"]


@pytest.mark.tensorflow
def test_a_strategy_that_needs_data_is_refused_over_a_table(tmp_path: Path):
    with pytest.raises(NasError, match=r"'one_shot'.*no data"):
        over_table(tmp_path, strategies=["random", "one_shot"])


def scored_race(directory: Path, *scores: float, **changes: Any) -> Race:
    """A race of one trial each whose scores come in this order, seed by seed."""
    drawn = iter(scores)
    given = {"seeds": len(scores) // 2, "max_trials": 1, **changes}
    return over_table(directory, table=lambda values: next(drawn), **given)


def test_no_strategy_wins_a_tie_and_the_order_of_its_seeds_decides_none(tmp_path: Path):
    race = scored_race(tmp_path, 0.1, 0.3, 0.2, 0.2, 0.3, 0.1)
    assert (race.winner, race.leaders) == (None, ())
    race.run()
    assert (race.winner, race.leaders) == (None, ("random", "local_search"))
    assert repr(race).endswith("Best: a tie of random and local_search.")


def test_a_winner_is_better_by_more_than_noise_and_one_seed_tells_no_noise(tmp_path: Path):
    near = scored_race(tmp_path / "near", 0.90, 0.91, 0.92, 0.94, 0.94, 0.95).run()
    assert (near.winner, near.leaders) == (None, ("local_search", "random"))
    assert repr(near).endswith("Best: local_search (can't be told from random).")
    far = scored_race(tmp_path / "far", 0.50, 0.91, 0.52, 0.93, 0.54, 0.95).run()
    assert (far.winner, far.leaders) == ("local_search", ("local_search",))
    less = scored_race(tmp_path / "less", 0.50, 0.91, 0.52, 0.93, direction="min").run()
    assert less.winner == "random"
    one = scored_race(tmp_path / "one", 0.1, 0.3).run()
    assert (one.winner, one.leaders) == (None, ("local_search", "random"))
