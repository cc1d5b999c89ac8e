from __future__ import annotations

import contextlib
import io
import itertools
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from nas_nb.course import check as check_module
from nas_nb.course.benchmark import Benchmark
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
    assert [finding.question for finding in result.findings] == ["runs", "time", "legal"]
    assert result["regret"].reason == "could not be asked, since 'legal' failed."
    assert "9" in result["legal"].reason
    assert "another space" not in result["legal"].reason


def marks(result):
    """Returns the questions in the order of the text, each with what stands before it."""
    lines = str(result).splitlines()[:-1]
    words = [line.replace("not asked:", "not-asked").split() for line in lines]
    assert [word[1].rstrip(":,") for word in words] == QUESTIONS
    return {question: word[0] for question, word in zip(QUESTIONS, words, strict=True)}


QUESTIONS = ["runs", "time", "legal", "new", "deterministic", "history", "regret"]


def endless(history, rng):
    while len(history) > 2:
        with contextlib.suppress(ValueError):
            time.sleep(0.001)
    return next(v for v in SPACE.enumerate() if not history.has_tried(v))


@pytest.mark.parametrize(
    ("strategy", "asked"),
    [
        (empty, {"runs": "FAIL"}),  # at its first call: nothing else was seen
        (endless, {"time": "FAIL", "legal": "pass", "new": "pass"}),
        (illegal, {"runs": "pass", "time": "pass", "legal": "FAIL"}),
    ],
)
def test_the_text_has_each_question_once_and_passes_only_what_was_asked(strategy, asked):
    result = checked(strategy, seconds_per_call=2)
    assert marks(result) == {name: asked.get(name, "not-asked") for name in QUESTIONS}
    (failed,) = [name for name, mark in asked.items() if mark == "FAIL"]
    assert f"not asked: regret, since '{failed}' failed\n" in str(result)
    assert not result["regret"].passed


def test_a_question_that_there_is_not_is_refused():
    with pytest.raises(SearchError, match=r"Received: 'histroy'.*'history'"):
        checked(new_mutant)["histroy"]


def queries(history, rng):
    return best_of(history, lambda values: BENCH.query(values).score)


def measures(history, rng):
    return best_of(history, lambda values: -BENCH.regret(values))


def ranks(history, rng):
    return next(one.values for one in BENCH.ranked(None) if not history.has_tried(one.values))


def searches(history, rng):
    return best_of(history, BENCH.search("random", 3, len(history)).completed[0].values.__eq__)


def table(history, rng):
    other = Benchmark(BENCH.table)  # another object knows the same
    return best_of(history, lambda values: other.table.scores[0, other.table.number(values), -1])


def best_of(history, worth):
    return max((v for v in SPACE.enumerate() if not history.has_tried(v)), key=worth)


@pytest.mark.parametrize("strategy", [queries, measures, ranks, searches, table])
def test_a_strategy_that_reads_the_benchmarks_answers_is_found(strategy):
    result = checked(strategy)
    reason = result["history"].reason
    assert reason.startswith("proposal 0 (line "), reason
    assert reason.endswith("reads the benchmark's answers: a strategy may know only its history.")
    assert not result["history"].passed
    assert not result["regret"].passed
    assert result["legal"].passed


def test_a_list_of_the_best_that_was_read_before_is_found():
    ranked = [one.values for one in BENCH.ranked(None)]

    def listed(history, rng):
        later = history.incumbent is not None and history.incumbent.score > 0.5
        new = [values for values in ranked if not history.has_tried(values)]
        return new[0] if later else new[1]

    assert checked(listed)["history"].reason.endswith(check_module._CHEATS)


def test_what_a_benchmark_is_may_be_asked():
    def looks(history, rng):
        assert (len(BENCH), BENCH.seeds, BENCH.epochs) == (84, 2, 4)
        assert BENCH.name in repr(BENCH)
        assert BENCH.space.contains(BENCH.space.sample(rng))
        return new_mutant(history, rng)

    assert checked(looks).passed


def seeds_numpy(history, rng):
    np.random.seed(0)  # noqa: NPY002 - as students do
    drawn = np.random.randint(99)  # noqa: NPY002
    return new_mutant(history, np.random.default_rng(drawn + len(history)))


def draws_at_random(history, rng):
    return new_mutant(history, rng) if random.random() < 2 else None


@pytest.mark.parametrize(
    ("strategy", "name"), [(seeds_numpy, "np.random"), (draws_at_random, "random")]
)
def test_the_sessions_generators_may_not_be_used_and_stay_as_they_were(strategy, name):
    before = random.getstate(), str(np.random.get_state(legacy=False))  # noqa: NPY002
    result = checked(strategy)
    assert (random.getstate(), str(np.random.get_state(legacy=False))) == before  # noqa: NPY002
    assert f"draws from `{name}` or seeds it" in result["deterministic"].reason
    assert "Draw from `rng` alone" in result["deterministic"].reason


@pytest.mark.parametrize(
    "form", [lambda trial: trial, lambda t: t.values, lambda t: dict(t.values)]
)
def test_a_trial_in_any_form_is_a_repeat(form):
    def again(history, rng):
        return form(history.trials[3]) if len(history) == 9 else new_mutant(history, rng)

    result = checked(again)
    assert "proposal 9 repeats trial 3" in result["new"].reason
    assert result["legal"].passed


def test_under_a_grader_a_check_ends_before_the_cell_does(monkeypatch):
    monkeypatch.setenv("NAS_NB_HEADLESS", "1")
    monkeypatch.setattr(check_module, "_GRADED_S", 0)
    result = checked(new_mutant)
    assert "before a grader ends the cell: 1 of 240 proposals" in result["time"].reason
    assert not result["regret"].passed
    assert result["legal"].passed


def test_who_waits_sees_how_far_a_check_is_and_a_grader_sees_nothing(monkeypatch, capsys):
    monkeypatch.setattr(check_module, "_PATIENCE_S", 0.0)
    for headless in ("1", "0"):
        monkeypatch.setenv("NAS_NB_HEADLESS", headless)
        screen = io.StringIO()
        screen.isatty = lambda: True
        with contextlib.redirect_stdout(screen):
            checked(new_mutant)
        said = screen.getvalue()
        assert ("\rnas.check: 1 of 240 proposals" in said) is (headless == "0")
        assert said == "" or said.split("\r")[-2].strip() == ""  # and nothing is left of it
    assert capsys.readouterr() == ("", "")


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
