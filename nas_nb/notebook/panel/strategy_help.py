"""What the panel says of each strategy: a sentence, and its paper as a link."""

from __future__ import annotations

import html
import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas_nb.strategy.base import Strategy

_ARXIV = "https://arxiv.org/abs/"
_HELP: dict[str, tuple[str, str, str]] = {
    "auto": (
        "Picks for you: exhaustive grid, or a surrogate model, with or without early stopping of "
        "weak candidates.",
        *("", ""),
    ),
    "random": (
        "Samples architectures uniformly: the baseline that every other strategy has to beat.",
        *("Bergstra & Bengio, 2012", "https://www.jmlr.org/papers/v13/bergstra12a.html"),
    ),
    "grid": ("Trains every architecture, for spaces that are small enough.", "", ""),
    "greedy": (
        "Hill climbing: trains the neighbours of an architecture, and moves to the best of them.",
        *("", ""),
    ),
    "local_search": (
        "Hill climbing that moves to the first better neighbour, with random restarts.",
        *("White et al., 2021", f"{_ARXIV}2005.02960"),
    ),
    "evolution": (
        "Regularised evolution: mutates the best of a random tournament, and retires the oldest.",
        *("Real et al., 2019", f"{_ARXIV}1802.01548"),
    ),
    "nsga2": (
        "Multi-objective evolution: crosses and mutates the Pareto front of the score and a cost.",
        *("Deb et al., 2002", "https://doi.org/10.1109/4235.996017"),
    ),
    "reinforce": (
        "Policy gradient: samples from a policy that learns which choices score well; needs "
        "hundreds of trials.",
        *("Zoph & Le, 2017", f"{_ARXIV}1611.01578"),
    ),
    "predictor": (
        "Bayesian optimisation with a surrogate of architectures: predicts scores of many "
        "candidates, and trains the most promising.",
        *("White et al., 2021", f"{_ARXIV}1910.11858"),
    ),
    "successive_halving": (
        "Trains many architectures for few epochs, and promotes the best of each rung to more.",
        *("Jamieson & Talwalkar, 2016", f"{_ARXIV}1502.07943"),
    ),
    "hyperband": (
        "Successive halving in brackets that stop weak candidates early or late.",
        *("Li et al., 2018", f"{_ARXIV}1603.06560"),
    ),
    "asha": (
        "Asynchronous successive halving: promotes a candidate as soon as it is in the top of its "
        "rung.",
        *("Li et al., 2020", f"{_ARXIV}1810.05934"),
    ),
    "bohb": (
        "Hyperband whose candidates are drawn from a density of the good trials.",
        *("Falkner et al., 2018", f"{_ARXIV}1807.01774"),
    ),
    "one_shot": (
        "Weight sharing: trains one supernet, ranks candidates with its weights, and trains the "
        "best of them.",
        *("Guo et al., 2020", f"{_ARXIV}1904.00420"),
    ),
    "darts": (
        "Differentiable search: learns mixing weights of all options by gradient descent, and "
        "trains what wins.",
        *("Liu et al., 2019", f"{_ARXIV}1806.09055"),
    ),
    "bayesian": (
        "Bayesian optimisation with a Gaussian process and a confidence bound, for few numeric "
        "parameters.",
        *("Srinivas et al., 2010", f"{_ARXIV}0912.3995"),
    ),
    "tpe": (
        "Tree-structured Parzen estimator: samples where good trials are denser than bad ones.",
        *(
            "Bergstra et al., 2011",
            "https://papers.nips.cc/paper/2011/hash/86e8f7ab32cfd12577bc2619bc635690-Abstract.html",
        ),
    ),
    "cma_es": (
        "Covariance matrix adaptation: samples from a normal distribution fitted to the best "
        "trials, for numeric parameters.",
        *("Hansen, 2016", f"{_ARXIV}1604.00772"),
    ),
}


def about(strategy: Strategy) -> str:
    """Returns what a strategy does as HTML; of the user's own, what its docstring says first."""
    own = (inspect.getdoc(getattr(strategy, "function", strategy)) or "").split("\n\n")[0]
    text, paper, address = _HELP.get(strategy.name, (own, "", ""))
    link = f' <a href="{address}" target="_blank" rel="noopener">{html.escape(paper)}</a>.'
    return f"{html.escape(f'{strategy.name}: {text}')}{link if paper else ''}"
