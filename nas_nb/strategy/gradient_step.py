"""A gradient step over architectures: choices become mixtures, and mixtures choices again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.errors import SpaceError
from nas_nb.record.trial import values_key
from nas_nb.space.encoding import Encoding
from nas_nb.strategy.base import single_blas_thread
from nas_nb.strategy.gaussian_process import Points as Encoded
from nas_nb.strategy.gaussian_process import Posterior, condition, fit
from nas_nb.strategy.surrogate import shape_scores

if TYPE_CHECKING:
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.domain import Domain

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

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
    seen = Encoded(encoding.rows(points), encoding.blocks, bare)
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
