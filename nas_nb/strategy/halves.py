"""Where the budget is time: half of it for full trainings at once, half for rungs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_nb.strategy.first import near_candidate
from nas_nb.strategy.proposal import Proposal
from nas_nb.strategy.rungs import Rungs, full_epochs, ladder

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.values import Value
    from nas_nb.strategy.predictor import Predictor


def next_training(
    predictor: Predictor, min_epochs: int, history: History, rng: np.random.Generator
) -> Proposal:
    """Returns what to train next, and for how long: in full, a little, or on from there.

    On the rungs new architectures are trained a little at first, and one for each `factor` of
    them is trained on. That pays where a training is long, and not where most of it is to compile
    the model: with half of the time for each way, a search is never twice as slow as with the
    better one alone. The model of either half learns from the scores of its own fidelity.

    Where the belief knows the space, the first `t0` are trained in full: the first candidate and
    others near the best, which are good by themselves and compiled already. So there is an
    incumbent soon.

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
    if rungs.full_is_due(predictor.t0):
        full = _in_full(predictor, rungs.view(history, len(rungs.epochs) - 1), rng)
        if full is not None:
            return Proposal(full, {"epochs": most})
    ranked = predictor.knowledge.ranked
    promotion = rungs.due(history, predictor.domain, predictor.factor, ranked)
    if promotion is not None:
        return promotion
    values = predictor.most_promising(rungs.view(history), rng, by_time=True)
    return Proposal(values, {"epochs": rungs.epochs[0]})


def _in_full(
    predictor: Predictor, history: History, rng: np.random.Generator
) -> dict[str, Value] | None:
    """An architecture to train in full at once, given the view of the highest rung, or None."""
    if len(history.completed) >= predictor.t0:
        return predictor.most_promising(history, rng, by_time=True)
    best, belief = predictor.knowledge.best(history), predictor.knowledge.belief(history)
    if not best or not belief:
        return None
    return near_candidate(predictor.domain, history, rng, belief, best[0].values)
