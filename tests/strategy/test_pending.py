"""What runs while another trial is proposed counts with the mean score: the constant liar."""

from __future__ import annotations

import numpy as np
import pytest

from nas_nb.record.journal import Journal
from nas_nb.strategy.base import Strategy, liars, proposal_rng
from nas_nb.strategy.bayesian import BayesianOptimization
from nas_nb.strategy.optuna_samplers import Tpe
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.surrogate import PointEncoder, SurrogateFitter
from tests.record.logbook import end, opened, start
from tests.strategy.worlds import chain

DOMAIN = chain()


def journal_of(trials: int) -> Journal:
    """Returns a journal of random architectures, with scores by their width."""
    journal = opened()
    rng = np.random.default_rng(0)
    while len(journal.history) < trials:
        values = DOMAIN.sample(rng)
        if not journal.history.has_tried(values):
            number = start(journal, **values)
            end(journal, number, score=float(values["units_1"]) / 128)
    return journal


def test_a_lie_is_the_mean_of_what_is_known() -> None:
    journal = journal_of(6)
    values = next(v for v in DOMAIN.enumerate() if not journal.history.has_tried(v))
    assert liars(journal.history, DOMAIN, journal.history.completed) == []
    start(journal, **values)
    known = journal.history.completed
    (lie,) = liars(journal.history, DOMAIN, known)
    assert lie.number == 6
    assert lie.score == pytest.approx(np.mean([trial.score for trial in known]))
    assert liars(opened().history, DOMAIN, ()) == []


def test_the_surrogate_doubts_less_where_a_trial_runs() -> None:
    journal = journal_of(12)
    values = next(v for v in DOMAIN.enumerate() if not journal.history.has_tried(v))
    history = journal.history
    fitter, best = SurrogateFitter(PointEncoder(DOMAIN), 200), history.completed[:5]
    _, free = fitter.learn(history.finished, best, 1.0).predict([values])
    start(journal, **values)
    lies = liars(history, DOMAIN, history.completed)
    _, lied = fitter.learn(history.finished, best, 1.0, lies).predict([values])
    assert lied[0] < free[0]


@pytest.mark.parametrize("strategy", [Predictor, BayesianOptimization, Tpe])
def test_nothing_that_runs_is_proposed_again(strategy: type[Strategy]) -> None:
    journal = journal_of(30)
    asked = strategy(domain=DOMAIN)
    for number in range(30, 36):
        proposed = asked.propose(journal.history, proposal_rng(0, number))
        values = (
            getattr(proposed, "values", proposed) if not isinstance(proposed, dict) else proposed
        )
        assert not journal.history.has_tried(values)
        start(journal, **values)
    assert len(journal.history.pending) == 6
