from __future__ import annotations

import itertools
import subprocess
import sys
import time

import numpy as np
import pytest

from nas_nb.course.check import TimeIsUpError, check, difference, time_limit
from nas_nb.errors import SearchError
from nas_nb.space.domain import Domain
from tests.course.synthetic import SPACE, made_up, new_mutant

BENCH = made_up()


def checked(strategy, **options):
    return check(strategy, BENCH, **{"seeds": 10, "trials": 20, **options})


def test_a_strategy_that_uses_the_history_well_passes():
    result = checked(new_mutant)
    assert result.passed, result
    assert np.mean(result.regrets) < np.mean(result.random)
    assert str(result).endswith("Passed.")


def test_a_check_is_the_same_each_time_and_differs_by_seed():
    assert checked(new_mutant).regrets == checked(new_mutant).regrets
    assert checked(new_mutant, seed=7).regrets != checked(new_mutant).regrets


def test_random_search_fails_since_it_uses_no_history():
    result = checked("random")
    failed = [finding.question for finding in result.findings if not finding.passed]
    assert failed == ["history", "regret"]


def first(history, rng):
    return next(iter(SPACE.enumerate()))


def illegal(history, rng):
    return {"depth": 9}


def empty(history, rng):
    return history.incumbent.values


def none(history, rng):
    SPACE.sample(rng)


def changes(history, rng):
    history.trials[0].values["depth"] = 1


def of_a_trial(history, rng):
    return SPACE.mutate(history.incumbent, rng) if history.completed else SPACE.sample(rng)


LINE = of_a_trial.__code__.co_firstlineno + 1


def tried_a_trial(history, rng):
    return (history.completed and history.has_tried(history.incumbent)) or SPACE.sample(rng)


@pytest.mark.parametrize(
    ("strategy", "question", "said"),
    [
        (first, "new", "proposal 1 repeats trial 0"),
        (illegal, "legal", "Received: 9"),
        (none, "legal", "does it end with `return`"),
        (empty, "runs", "`history.incumbent` is None"),
        (of_a_trial, "runs", "such as `trial.values`. Received: a Trial: take its"),
        (of_a_trial, "runs", f"(line {LINE}: `return SPACE.mutate(history.incumbent, rng)"),
        (tried_a_trial, "runs", "Expected the values of an architecture"),
        (changes, "runs", "tuple index out of range"),
    ],
)
def test_a_failure_says_what_was_seen_and_what_to_change(strategy, question, said):
    result = checked(strategy)
    assert not result.passed
    assert not result[question].passed
    assert said in result[question].reason
    assert not result["regret"].passed


def repeats(history, rng):
    best = history.incumbent
    return SPACE.sample(rng) if best is None else SPACE.mutate(best.values, rng)


def half_legal(history, rng):
    return {"depth": 9} if len(history) == 3 else new_mutant(history, rng)


def ends_late(history, rng):
    return new_mutant(history, rng) if len(history) < 15 else history[99]


@pytest.mark.parametrize(
    ("strategy", "question"), [(repeats, "new"), (half_legal, "legal"), (ends_late, "runs")]
)
def test_one_slip_costs_one_question(strategy, question):
    result = checked(strategy)
    failed = {finding.question for finding in result.findings if not finding.passed}
    assert failed <= {question, "regret"}  # what is lost may cost the advantage
    assert question in failed
    asked = [finding.question for finding in result.findings]
    assert asked == ["runs", "time", "legal", "new", "deterministic", "history", "regret"]
    assert len(result.regrets) == 10


def test_what_can_not_be_asked_has_failed_and_says_why():
    result = checked(illegal)
    assert [finding.question for finding in result.findings] == ["runs", "time", "legal", "new"]
    assert result["regret"].reason == "could not be asked, since 'legal' failed."
    assert "9" in result["legal"].reason
    assert "another space" not in result["legal"].reason


def test_a_space_that_is_not_the_benchmarks_is_named():
    other = Domain(SPACE.parameters[1:3])

    def elsewhere(history, rng):
        return other.sample(rng)

    reason = checked(elsewhere)["legal"].reason
    assert "`other`, which the function reads, is another space than that of" in reason
    assert "'made up'" in reason


def test_a_strategy_that_is_not_deterministic_may_not_be_said_to_use_the_history():
    own = np.random.default_rng()

    def drawn(history, rng):
        while history.has_tried(values := SPACE.sample(own)):
            pass
        return values

    result = checked(drawn)
    assert not result["deterministic"].passed
    assert not result["history"].passed
    assert "could not be asked" in result["history"].reason


def test_memory_outside_the_history_is_found():
    counter = itertools.count()

    def remembers(history, rng):
        points = [values for values in SPACE.enumerate() if not history.has_tried(values)]
        return points[next(counter) % len(points)]

    assert not checked(remembers)["deterministic"].passed


def test_a_call_that_does_not_end_is_ended():
    def endless(history, rng):
        while len(history) > 2:
            try:
                time.sleep(0.001)
            except ValueError:
                return SPACE.sample(rng)
        return next(v for v in SPACE.enumerate() if not history.has_tried(v))

    result = checked(endless, seconds_per_call=2)
    assert "took more than 2 s" in result["time"].reason
    assert not result["history"].passed


def test_a_time_limit_leaves_what_is_quick_alone():
    with time_limit(60):
        values = SPACE.sample(np.random.default_rng(0))
    assert SPACE.contains(values)
    with pytest.raises(TimeIsUpError), time_limit(0.05):
        wait_for_ever()


def test_a_profiler_works_after_a_time_limit():
    # An exception that was taken back left CPython 3.11 looking for it for ever, under a profiler.
    script = """
import cProfile
from nas_nb.course.check import time_limit
with time_limit(60):
    sum(range(9))
cProfile.run("sorted(map(str, range(9)), key=lambda text: len(text))")
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=300)


def wait_for_ever():
    while True:
        time.sleep(0.001)


def test_arguments_that_make_no_sense_are_refused():
    for options in ({"seeds": 3}, {"trials": 85}, {"seed": -1}):
        with pytest.raises(SearchError, match="Received: "):
            checked("random", **options)
    with pytest.raises(SearchError, match="Expected a benchmark"):
        check("random", 3)


def test_a_difference_of_means_has_an_interval():
    gap, half = difference([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert gap == -3
    assert half == pytest.approx(1.96 * np.sqrt(2 / 3))
