"""The four steps of the textbook: generate candidates, evaluate, optimise, select.

    candidates = generate_candidate_structures(space)
    scores = evaluate_performance(candidates)
    better = optimize_structure(candidates, scores)
    best = select_best_structure(candidates, scores)

They are made of the parts of a `Search`: the same spaces, the same trainer, the same seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nas_nb.errors import NasError, SpaceError, can_iterate, check_whole, nearest
from nas_nb.evaluate.fit import NoControl
from nas_nb.evaluate.global_state import seeded, trial_seed
from nas_nb.evaluate.trainer import train
from nas_nb.record.trial import sign_of, values_key
from nas_nb.search.settings import SpaceLike, as_data, as_space
from nas_nb.space.encoding import Encoding
from nas_nb.space.search_space import Architecture
from nas_nb.strategy.base import single_blas_thread
from nas_nb.strategy.gaussian_process import Matrix, Points, Posterior, Vector, condition, fit
from nas_nb.strategy.surrogate import shape_scores

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.domain import Domain
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
      (see `gradient_step`). It trains one architecture.

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
    listed = hasattr(scores, "__len__") and can_iterate(scores)
    told = f"{len(scores)} scores" if listed else f"scores={scores!r}"
    numbers = listed and all(isinstance(score, Real) for score in scores)
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
    listed: list[Any] = list(candidates) if can_iterate(candidates) else [candidates]
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
    name, direction = data.usual_objective
    seen: list[float] = []
    train(
        model,
        data,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        seed=seed,
        on_epoch=lambda epoch, logs, duration_s: seen.append(sign_of(direction) * logs[name]),
        control=NoControl(),
    )
    return max(filter(math.isfinite, seen), default=math.nan)


STEPS = 60
_RATES = {"adam": 0.1, "sgd": 2.0}
_HEAD_START = 1.0


def gradient_step(
    domain: Domain, points: Sequence[Values], scores: Sequence[float], optimizer: str
) -> dict[str, Value]:
    """Returns where the gradient of a model of the scores leads from the best point."""
    # A score has no gradient with respect to choices. Two things stand in: the mean of a Gaussian
    # process over the encoded points (Rasmussen & Williams 2006, eq. 2.25), and for each choice of
    # the best point a mixture of its alternatives by a softmax of weights (Liu, Simonyan & Yang,
    # DARTS, ICLR 2019, eq. 2), each with the difference that this one change makes to the
    # encoding.
    start = dict(points[int(np.argmax(scores))])
    mixture = ChoiceMixture.around(domain, start)
    if not mixture.options:
        return start
    encoding = Encoding(domain)
    bare = np.zeros((len(points), 0))
    seen = Points(encoding.rows(points), encoding.blocks, bare)
    shaped = shape_scores(np.array(scores, dtype=np.float64))
    with single_blas_thread():
        model = condition(fit(seen, shaped), seen, shaped)
        base = encoding.rows([start])[0]
        weights = _climb(mixture.differences(encoding), base, model, optimizer)
    known = {values_key(domain.canonical(point)) for point in points}
    return mixture.rounded(weights, known)


@dataclass(frozen=True)
class ChoiceMixture:
    """The alternatives to each choice of a point."""

    domain: Domain
    start: dict[str, Value]
    options: tuple[tuple[str, tuple[Value, ...]], ...]  # values of each choice, the present first

    @classmethod
    def around(cls, domain: Domain, start: dict[str, Value]) -> ChoiceMixture:
        """Returns the mixture of a point's one-change alternatives."""
        options = []
        for parameter in domain.active(start):
            name, present = parameter.name, start[parameter.name]
            legal = (o for o in parameter.others(present) if _completed(domain, {**start, name: o}))
            if others := list(legal):
                options.append((name, (present, *others)))
        return cls(domain, start, tuple(options))

    def differences(self, encoding: Encoding) -> list[Matrix]:
        """Returns what each alternative changes in the encoded row, (values, columns) a choice."""
        base = encoding.rows([self.start])
        return [
            encoding.rows([self.domain.complete({**self.start, name: value}) for value in values])
            - base
            for name, values in self.options
        ]

    def rounded(self, weights: Sequence[Vector], known: set[str]) -> dict[str, Value]:
        """Returns the point of the largest weights, or the nearest unknown one."""
        largest = {
            name: values[int(weight.argmax())]
            for (name, values), weight in zip(self.options, weights, strict=True)
        }
        point = _completed(self.domain, {**self.start, **largest})
        if point is not None and values_key(point) not in known:
            return point
        ranked = sorted(
            (
                (float(weight.max() - share), {name: value})
                for (name, values), weight in zip(self.options, weights, strict=True)
                for share, value in zip(weight[1:], values[1:], strict=True)
            ),
            key=itemgetter(0),
        )
        singles = (self.domain.complete({**self.start, **change}) for _, change in ranked)
        return next((point for point in singles if values_key(point) not in known), self.start)


def _climb(
    differences: Sequence[Matrix], base: Vector, model: Posterior, optimizer: str
) -> list[Vector]:
    """Returns the weights of all alternatives after gradient ascent on the model's mean."""
    import keras

    ends = np.cumsum([len(d) for d in differences])[:-1]
    # One variable for all choices: each call of an optimizer costs more than all the arithmetic.
    start = np.concatenate([np.eye(len(d))[0] * _HEAD_START for d in differences])
    logits = keras.Variable(start.astype("float32"))
    kinds = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
    steps = kinds[optimizer](_RATES[optimizer])
    for _ in range(STEPS):
        weights = _weights(logits, ends)
        # DARTS, eq. (2): the mixed row, weighed by the softmax of each choice's logits.
        row = base + sum(w @ d for w, d in zip(weights, differences, strict=True))
        pulls = [d @ _slope(model, row) for d in differences]
        # Through the softmax: d mean / d a_k = p_k (g_k - sum_j p_j g_j), and downhill is minus.
        losses = [-w * (g - w @ g) for w, g in zip(weights, pulls, strict=True)]
        loss = keras.ops.convert_to_tensor(np.concatenate(losses).astype("float32"))
        steps.apply([loss], [logits])
    return _weights(logits, ends)


def _weights(logits: Any, ends: np.ndarray) -> list[Vector]:
    """The softmax of each choice's logits."""
    import keras

    numbers = keras.ops.convert_to_numpy(logits).astype(np.float64)
    return [_softmax(part) for part in np.split(numbers, ends)]


def _slope(model: Posterior, row: Vector) -> Vector:
    """The gradient of the posterior mean k(x, X) alpha (eq. 2.25) with respect to the row x."""
    weights = model.covariance.weights[model.seen.blocks]
    gaps = row - model.seen.rows
    alike = model.covariance.amplitude * np.exp(-(gaps**2 @ weights))
    result: Vector = -2.0 * weights * ((alike * model.alpha) @ gaps)
    return result


def _softmax(numbers: Vector) -> Vector:
    powers = np.exp(numbers - numbers.max())
    result: Vector = powers / powers.sum()
    return result


def _completed(domain: Domain, values: Values) -> dict[str, Value] | None:
    """The point that the values mean, or None where not all choices go together."""
    try:
        return domain.complete(values)
    except SpaceError:
        return None
