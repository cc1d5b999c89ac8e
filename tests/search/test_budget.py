from __future__ import annotations

import datetime as dt
import inspect
import json

import pytest

from nas_nb.errors import BudgetError, NasWarning, SearchError
from nas_nb.record.history import History
from nas_nb.record.journal import Journal
from nas_nb.search.budget import (
    LIMITS,
    Budget,
    Limit,
    LimitKind,
    describe_duration,
    limit_arguments,
    parse_duration,
)
from nas_nb.search.search import Search


def history_of(trials: int, epochs: int = 1) -> History:
    journal = Journal.in_memory()
    journal.append("search_opened", objective="val_accuracy", direction="max", seed=0)
    for number in range(trials):
        journal.append("trial_proposed", trial=number, values={"n": number}, origin="random")
        journal.append("trial_started", trial=number)
        for epoch in range(1, epochs + 1):
            journal.append("epoch_ended", trial=number, epoch=epoch, logs={"val_accuracy": 0.5})
        journal.append("trial_ended", trial=number, status="completed", score=0.5)
    return journal.history


def test_no_limit_at_all_is_refused_with_a_way_out():
    with pytest.raises(BudgetError, match="max_trials=20"):
        Budget()


def test_a_limit_on_params_alone_does_not_end_a_search():
    with pytest.raises(BudgetError, match="would never end"):
        Budget(max_params=1000)


@pytest.mark.parametrize("name", ["max_trials", "max_time_s", "max_epochs"])
@pytest.mark.parametrize("value", [0, -3])
def test_a_budget_of_nothing_is_refused(name: str, value: int):
    with pytest.raises(BudgetError, match=f"{name.removesuffix('_s')}={value}"):
        Budget(**{name: value})


@pytest.mark.parametrize("value", [2.5, "20", True])
def test_trials_are_counted_in_whole_numbers(value: object):
    with pytest.raises(BudgetError, match="whole number"):
        Budget(max_trials=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2 min", 120.0),
        ("90 s", 90.0),
        ("1h 30min", 5400.0),
        (45, 45.0),
        (dt.timedelta(minutes=1), 60.0),
    ],
)
def test_durations_are_read_as_people_write_them(text: object, seconds: float):
    assert parse_duration(text) == seconds  # type: ignore[arg-type]


def test_a_number_in_quotes_is_told_to_be_seconds():
    with pytest.warns(NasWarning, match="no unit and is taken as seconds: write '2 s' or '2 min'"):
        assert parse_duration("2") == 2.0


def test_a_duration_is_refused_under_its_own_name():
    assert parse_duration("5 ms", "max_latency") == 0.005
    with pytest.raises(BudgetError, match="write max_latency='2 min'"):
        parse_duration("fast", "max_latency")


@pytest.mark.parametrize(
    "text", ["soon", "", "NaT", "inf", "nan", float("nan"), float("inf"), 10**400, True, [1]]
)
def test_what_is_no_duration_is_refused(text: object):
    with pytest.raises(BudgetError):
        parse_duration(text)  # type: ignore[arg-type]


def test_the_first_limit_to_be_reached_ends_the_search():
    budget = Budget(max_trials=10, max_epochs=6)
    assert budget.spent(history_of(2, epochs=2), elapsed_s=1.0) is None
    assert budget.spent(history_of(3, epochs=2), elapsed_s=1.0) == "max_epochs=6 reached"


def test_time_is_a_limit_too():
    assert Budget(max_time_s=120).spent(history_of(0), 120.0) == "max_time of 2 min reached"


def test_epochs_left_never_fall_below_zero():
    assert Budget(max_epochs=5).epochs_left(history_of(3, epochs=2)) == 0


def test_eta_follows_from_the_scarcest_part_of_the_budget():
    progress = Budget(max_trials=100, max_time_s=40).progress(history_of(10), elapsed_s=30.0)
    assert progress.fraction == 0.75
    assert progress.eta_s == pytest.approx(10.0)


def test_there_is_no_eta_before_the_first_trial_ended():
    assert Budget(max_trials=4).progress(history_of(0), elapsed_s=3.0).eta_s is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "0.25 s"), (45, "45 s"), (125, "2 min 5 s"), (120, "2 min"), (3780, "1 h 3 min")],
)
def test_durations_are_told_in_words(seconds: float, words: str):
    assert describe_duration(seconds) == words


GIVEN = {
    LimitKind.COUNT: (7, 7),
    LimitKind.DURATION: ("2 min 5 s", 125.0),
    LimitKind.BYTES: ("1.5 GB", 1_500_000_000),
}
each_limit = pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)


@each_limit
def test_a_limit_is_the_same_as_argument_in_the_budget_in_the_journal_and_as_argument_again(
    limit: Limit,
):
    given, kept = GIVEN[limit.kind]
    budget = Budget.parse(**{"max_trials": 3, limit.name: given})
    assert getattr(budget, limit.field) == kept
    written = json.loads(json.dumps(budget.to_json()))
    assert written[limit.field] == kept
    assert Budget.parse(**limit_arguments(written)) == budget
    assert Budget.parse(**budget.arguments()) == budget


@each_limit
def test_a_limit_can_be_lifted_and_is_shown_by_name_and_value(limit: Limit):
    budget = Budget.parse(max_trials=3, max_epochs=4)
    limited = budget.replaced(**{limit.name: GIVEN[limit.kind][0]})
    assert limit.text(GIVEN[limit.kind][1]) in limited.described()
    assert getattr(limited.replaced(**{limit.name: None}), limit.field) is None


@each_limit
@pytest.mark.parametrize("value", [0, -1, True, [], {}, "some", float("nan")])
def test_what_no_limit_can_be_is_refused_by_its_name(limit: Limit, value: object):
    with pytest.raises(BudgetError, match=limit.name):
        Budget.parse(**{"max_trials": 3, limit.name: value})


@each_limit
def test_a_search_shows_every_limit_in_its_signature_and_its_help(limit: Limit):
    assert limit.name in inspect.signature(Search).parameters
    assert f"{limit.name}: {limit.about}." in (inspect.getdoc(Search) or "")


def test_a_limit_that_is_none_is_named_with_the_one_that_was_meant():
    with pytest.raises(SearchError, match=r"no limit 'max_trails'\. Did you mean 'max_trials'"):
        Budget.parse(max_trails=3)


def test_a_count_beyond_floats_is_a_limit_like_any_other():
    budget = Budget(max_epochs=10**400)
    assert budget.progress(history_of(1), 1.0).fraction == 0
    assert budget.epochs_left(history_of(1)) == 10**400 - 1


def test_an_argument_that_a_search_does_not_take_is_named_with_the_one_that_was_meant():
    with pytest.raises(SearchError, match=r"no argument 'class_weight'.*nas.StrategyTuner"):
        Search({}, class_weight={0: 1, 1: 9})
    with pytest.raises(SearchError, match=r"no argument 'max_tims'\. Did you mean 'max_time'"):
        Search({}, max_tims="2 min")
