"""The four steps of the textbook: generate candidates, evaluate, optimise, select.

    candidates = generate_candidate_structures(space)
    scores = evaluate_performance(candidates)
    better = optimize_structure(candidates, scores)
    best = select_best_structure(candidates, scores)

They are made of the parts of a `Search`: the same spaces, the same trainer, the same seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from numbers import Real
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nas_nb.errors import NasError, check_whole, nearest
from nas_nb.evaluate.fit import NoControl
from nas_nb.evaluate.seeds import seeded, trial_seed
from nas_nb.evaluate.trainer import train
from nas_nb.search.settings import SpaceLike, as_data, as_space
from nas_nb.space.search_space import Architecture
from nas_nb.strategy.gradient_step import gradient_step

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.space.search_space import SearchSpace

BATCH_SIZE = 32
_MUTATIONS = 20


class Scored(NamedTuple):
    """Candidates with their scores, and the best of them."""

    candidates: Sequence[Architecture]
    scores: Sequence[float]
    best: Architecture

    def finite(self) -> list[tuple[float, Architecture]]:
        """Returns the scores that are numbers, with their candidates."""
        pairs = zip(self.scores, self.candidates, strict=True)
        return [(score, one) for score, one in pairs if score == score]


Step = Callable[[Scored, int, np.random.Generator], "list[Architecture]"]


def generate_candidate_structures(
    space: SpaceLike, count: int = 8, *, seed: int = 0
) -> list[Architecture]:
    """Step 1: draws different architectures from the search space.

    Args:
        space: A search space, a dict as `SearchSpace.from_dict` takes it, or a `build(hp)`
            function.
        count: How many, 1 or more; all of them when the space has fewer.
        seed: Decides which.

    Returns:
        At most `count` architectures, no two of them equal.
    """
    check_whole("", "count", count, 1)
    check_whole("", "seed", seed, 0)
    candidates = as_space(space)
    rng = np.random.default_rng(seed)
    if candidates.size <= count:
        return [candidates.architecture(values) for values in candidates.domain.enumerate()]
    drawn: dict[str, Architecture] = {}
    while len(drawn) < count:
        architecture = candidates.sample(rng)
        drawn.setdefault(architecture.key, architecture)
    return list(drawn.values())


def evaluate_performance(
    candidates: Sequence[Architecture],
    data: Data | str | None = None,
    *,
    epochs: int = 3,
    seed: int = 0,
) -> list[float]:
    """Step 2: trains every candidate for a few epochs and scores it on the validation part.

    Args:
        candidates: Architectures, as step 1 returns them.
        data: The data or its name; default: what `nas.use(...)` set.
        epochs: Epochs of training for each, 1 or more.
        seed: Decides initial weights and orders of samples.

    Returns:
        One score a candidate, higher is better: the best validation accuracy over the epochs, or
        minus the validation loss where numbers are predicted. NaN for one whose training diverges.
    """
    check_whole("", "epochs", epochs, 1)
    check_whole("", "seed", seed, 0)
    known = as_data(data)
    return [
        _score(architecture, known, epochs, trial_seed(seed, number))
        for number, architecture in enumerate(_architectures(candidates))
    ]


def optimize_structure(
    candidates: Sequence[Architecture],
    scores: Sequence[float],
    data: Data | str | None = None,
    *,
    method: str = "greedy",
    max_neighbours: int = 8,
    epochs: int = 3,
    seed: int = 0,
) -> Architecture:
    """Step 3: takes a step from the candidates to a better architecture.

    The step is one of

    - "greedy": from the best candidate to the best of its neighbours, which differ from it in
      exactly one choice;
    - "evolution": to the best of as many children, each a mutant of the winner of a tournament
      among half of the candidates (Real et al. 2019);
    - "adam", "sgd": up the gradient of a model of the scores, with each choice of the best
      candidate relaxed to a mixture of its alternatives, and back to the nearest architecture
      (see `nas_nb.strategy.gradient_step.gradient_step`). It trains one architecture.

    When nothing new scores higher, or as high with a smaller model, the best candidate is returned
    itself.

    Args:
        candidates: Architectures, as step 1 returns them.
        scores: Their scores, as step 2 returns them.
        data: The data or its name; default: what `nas.use(...)` set.
        method: Which step. Default: the greedy one.
        max_neighbours: How many neighbours or children to train; neighbours are drawn at random
            when there are more.
        epochs: Epochs of training for each; as in step 2, or the scores can't be compared.
        seed: Decides which, their initial weights and orders of samples.

    Returns:
        The best architecture that is known after the step.

    Raises:
        NasError: There is no such method, or the scores don't match the candidates.
    """
    check_whole("", "max_neighbours", max_neighbours, 1)
    check_whole("", "seed", seed, 0)
    if not isinstance(method, str) or method not in METHODS:
        raise NasError(
            f"Expected `method` to be one of {', '.join(METHODS)}. Received: method={method!r}."
            + nearest(str(method), METHODS)
        )
    best = select_best_structure(candidates, scores)
    rng = np.random.default_rng(seed)
    tried = METHODS[method](Scored(candidates, scores, best), max_neighbours, rng)
    measured = evaluate_performance(tried, data, epochs=epochs, seed=seed)
    return select_best_structure([best, *tried], [max(_finite(scores)), *measured])


def select_best_structure(
    candidates: Sequence[Architecture], scores: Sequence[float]
) -> Architecture:
    """Step 4: returns the candidate with the highest score; of equals the smallest model.

    Without data a model has no size: then it is the first of equals.

    Raises:
        NasError: There are not as many scores as candidates, or none is a number.
    """
    candidates = _architectures(candidates)
    told = f"{len(scores)} scores" if hasattr(scores, "__len__") else f"scores={scores!r}"
    numbers = hasattr(scores, "__len__") and all(isinstance(score, Real) for score in scores)
    if not numbers or not len(candidates) or len(candidates) != len(scores):
        raise NasError(
            "Expected one score for each candidate, a number. Received: "
            f"{len(candidates)} candidates and {told}. Take scores = "
            "evaluate_performance(candidates)."
        )
    best = max(_finite(scores))
    equals = [one for one, score in zip(candidates, scores, strict=True) if score == best]
    return min(equals, key=_params) if len(equals) > 1 else equals[0]


def _architectures(candidates: object) -> list[Architecture]:
    """Returns candidates as a list; raises a `NasError` if there is something else among them."""
    listed: list[Any] = list(candidates) if isinstance(candidates, Iterable) else [candidates]
    for one in listed:
        if not isinstance(one, Architecture):
            raise NasError(
                "Expected a list of architectures, as generate_candidate_structures(space) "
                f"returns it. Received: {one!r} (of type {type(one).__name__})."
            )
    return listed


def _neighbours(known: Scored, count: int, rng: np.random.Generator) -> list[Architecture]:
    """The neighbours of the best candidate, or so many of them, in order."""
    neighbours = known.best.space.neighbours(known.best)
    chosen = rng.permutation(len(neighbours))[:count]
    return [neighbours[index] for index in sorted(chosen)]


def _children(known: Scored, count: int, rng: np.random.Generator) -> list[Architecture]:
    """New mutants of candidates that won a tournament each."""
    finite, space = known.finite(), known.best.space
    children: dict[str, Architecture] = {}
    for _ in range(_MUTATIONS * count):
        drawn = rng.permutation(len(finite))[: (len(finite) + 1) // 2]
        _, parent = max((finite[index] for index in drawn), key=itemgetter(0))
        child = space.architecture(space.domain.mutate(parent.values, rng))
        if child not in known.candidates:
            children.setdefault(child.key, child)
        if len(children) == count:
            break
    return list(children.values())


def _uphill(
    known: Scored, count: int, rng: np.random.Generator, *, optimizer: str
) -> list[Architecture]:
    """The architecture that a gradient step leads to, unless it is the best candidate itself."""
    scores, candidates = zip(*known.finite(), strict=True)
    points, space = [one.values for one in candidates], known.best.space
    step = space.architecture(gradient_step(space.domain, points, scores, optimizer))
    return [] if step in known.candidates else [step]


METHODS: Mapping[str, Step] = {
    "greedy": _neighbours,
    "evolution": _children,
    "adam": partial(_uphill, optimizer="adam"),
    "sgd": partial(_uphill, optimizer="sgd"),
}
"""The steps that `optimize_structure` can take: each returns the architectures to train."""


def _finite(scores: Sequence[float]) -> list[float]:
    finite = [score for score in scores if math.isfinite(score)]
    if not finite:
        raise NasError("No candidate could be trained: every score is NaN. Try other candidates.")
    return finite


def _params(architecture: Architecture) -> float:
    """The size of its model; infinity where the space has no data, not even the default set."""
    try:
        space = architecture.space.for_data(as_data(None).spec)
    except NasError:
        space = architecture.space
    try:
        return float(space.architecture(architecture.values).symbolic_model().count_params())
    except NasError:
        return math.inf


def _score(architecture: Architecture, data: Data, epochs: int, seed: int) -> float:
    space: SearchSpace = architecture.space.for_data(data.spec)
    with seeded(seed):
        model = space.build_values(architecture.values)
    name, sign = ("val_loss", -1) if data.task.has_quantities else ("val_accuracy", 1)
    seen: list[float] = []
    train(
        model,
        data,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        seed=seed,
        on_epoch=lambda epoch, logs, duration_s: seen.append(sign * logs[name]),
        control=NoControl(),
    )
    return max(filter(math.isfinite, seen), default=math.nan)
