"""Where the budget is time: half of it for full trainings at once, half for rungs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nas_nb.strategy.first import likely_candidate, near_candidate, unlike_candidate
from nas_nb.strategy.proposal import Proposal
from nas_nb.strategy.rungs import Rungs, full_epochs, granted, ladder
from nas_nb.strategy.strategy import SpaceExhausted

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.record.values import Value
    from nas_nb.strategy.predictor import Predictor

_OPENING = 0.25


def next_training(
    predictor: Predictor, min_epochs: int, history: History, rng: np.random.Generator
) -> Proposal:
    """Returns what to train next, and for how long: in full, a little, or on from there.

    On the rungs new architectures are trained a little at first, and one for each `factor` of
    them is trained on. That pays where a training is long, and not where most of it is to compile
    the model: with half of the time for each way, a search is hardly twice as slow as with the
    better one alone. The model of either half learns from the scores of its own fidelity.

    Where the belief knows the space, the search begins with `t0` full trainings, but no more than
    fit into a quarter of the budget: the first candidate, those with a layer more or less that are
    believed in nearly as much (`unlike_candidate`), and others near the best. So there is an
    incumbent soon. Where it knows nothing, full trainings wait until `t0` of those on the rungs
    were promoted to the end. Where no new architecture is left, the rest climbs, the best first:
    there is time that nothing else can use.

    Args:
        predictor: Whose options count, and who proposes architectures.
        min_epochs: Those of the lowest rung.
        history: What was tried.
        rng: The source of chance.
    """
    most = full_epochs(predictor.name, history, predictor.max_epochs)
    if not history.finished:
        return Proposal(predictor.first(history, rng), {"epochs": most})
    rungs = Rungs.of(history, ladder(min(min_epochs, most), most, predictor.factor))
    if full_is_due(history, most, predictor.t0):
        full = _in_full(predictor, rungs.view(history, len(rungs.epochs) - 1), rng)
        if full is not None:
            return Proposal(full, {"epochs": most})
    ranked = predictor.knowledge.ranked
    promotion = rungs.due(history, predictor.domain, predictor.factor, ranked)
    if promotion is not None:
        return promotion
    try:
        values = predictor.most_promising(rungs.view(history), rng, by_time=True)
    except SpaceExhausted:
        promotion = rungs.left(history, predictor.domain, ranked)
        if promotion is None:
            raise
        return promotion
    return Proposal(values, {"epochs": rungs.epochs[0]})


def full_is_due(history: History, most: int, t0: int) -> bool:
    """Says whether full trainings at once had less than half of the time, or open the search.

    Time is seconds, or epochs where those are the budget or not every trial tells its seconds.

    Args:
        history: What was tried.
        most: The epochs of a full training.
        t0: How many of them open a search.
    """
    budget = (history.opened[-1].get("budget") if history.opened else None) or {}
    counts_epochs = "max_epochs" in budget and "max_time_s" not in budget
    in_epochs = counts_epochs or not all(trial.duration_s > 0 for trial in history.completed)

    def cost(trial: Trial) -> float:
        return _epochs(trial, history, most) if in_epochs else trial.duration_s

    whole = [trial for trial in history.finished if granted(trial, most) >= most]
    at_once = [trial for trial in whole if history.root_of(trial.number) == trial.number]
    spent = sum(map(cost, at_once))
    limit = budget.get("max_epochs" if in_epochs else "max_time_s", math.inf)
    opens = len(at_once) < t0 and spent <= _OPENING * limit
    return opens or 2 * spent <= sum(map(cost, history.finished))


def _epochs(trial: Trial, history: History, most: int) -> int:
    """How many epochs a trial was granted beyond those of the trial that it continues."""
    known = 0
    if trial.parent is not None and history.root_of(trial.number) != trial.number:
        known = granted(history[trial.parent], most)
    return granted(trial, most) - known


def _in_full(
    predictor: Predictor, history: History, rng: np.random.Generator
) -> dict[str, Value] | None:
    """An architecture to train in full at once, given the view of the highest rung, or None."""
    try:
        if len(history.completed) >= predictor.t0:
            return predictor.most_promising(history, rng, by_time=True)
        best, belief = predictor.knowledge.best(history), predictor.knowledge.belief(history)
        if not belief:
            return None
        if not best:
            return likely_candidate(predictor.domain, history, rng, belief)
        unlike = unlike_candidate(predictor.domain, history, belief, best[0].values)
        if unlike is not None:
            return unlike
        return near_candidate(predictor.domain, history, rng, belief, best[0].values)
    except SpaceExhausted:  # some may still climb
        return None
