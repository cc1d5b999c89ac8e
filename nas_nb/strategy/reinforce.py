"""REINFORCE and its policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self, cast

import numpy as np

from nas_nb.errors import SpaceError
from nas_nb.space.encoding import Axis, axes
from nas_nb.space.parameter import is_next_active
from nas_nb.strategy.base import Candidate, Strategy, new_mutant, option, sample_new

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

_WINDOW = 600
_DRAWS = 32


@dataclass(frozen=True)
class Reinforce(Strategy):
    """Draws architectures from a policy that makes what scored well more likely.

    Use it to see a policy learn, with budgets of hundreds of cheap trials. Don't use it when
    trials are dear: it learns from each of them once, and evolution or local search are ahead of
    it at every budget that was measured.

    The paper's controller is a recurrent network; here the policy has one softmax for each
    choice, as in Ying et al. 2019 and Dong & Yang 2020, so that it can be replayed from the last
    600 trials at each proposal. Rewards are scaled by their deviation, because a score may be an
    accuracy or a loss of any size. What the policy draws a second time is drawn anew.

    Papers: Zoph & Le, Neural Architecture Search with Reinforcement Learning, ICLR 2017, Section
    3.2; Williams, Simple Statistical Gradient-Following Algorithms, Machine Learning 8, 1992.
    """

    name: ClassVar[str] = "reinforce"

    # The papers' 0.001 and less suit tens of thousands of trials; in hundreds they draw at random.
    learning_rate: float = option(0.1, "Step size of the policy's gradient ascent.", above=0)
    decay: float = option(
        0.95,
        "Decay of the exponential moving average of scores that is the baseline.",
        low=0,
        below=1,
    )

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns a new architecture drawn from the policy that the history has trained."""
        if not history.completed:
            return sample_new(self.domain, history, rng)
        policy = self._trained(history)
        for _ in range(_DRAWS):
            values = policy.draw(rng)
            if not history.has_tried(values):
                return Candidate(values, "predicted")
        # The policy is sure of itself by now: what is new lies around what it draws.
        return new_mutant(self.domain, values, history, rng, how="predicted")

    def _trained(self, history: History) -> Policy:
        """Replays the gradient steps of the last trials, from a policy that prefers nothing."""
        trials = history.completed[-_WINDOW:]
        rewards = history.sign * np.array([trial.score for trial in trials], dtype=np.float64)
        rewards /= float(np.abs(rewards).max()) or 1.0  # so that no square overflows
        scale = float(rewards.std()) or 1.0
        policy = Policy.uniform(self.domain)
        baseline = float(rewards[0])
        for trial, reward in zip(trials, rewards.tolist(), strict=True):
            columns = policy.columns(trial.values)
            if columns is None:
                continue
            # Section 3.2, m = 1: theta <- theta + rate * sum_t grad log P(a_t | theta) * (R - b)
            advantage = (reward - baseline) / scale
            policy = policy.moved(self.learning_rate * advantage * policy.log_gradient(columns))
            # Likewise: b, an exponential moving average of the previous architectures' accuracies
            baseline = self.decay * baseline + (1 - self.decay) * reward
        return policy


Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Columns = np.ndarray[tuple[int], np.dtype[np.intp]]

_LISTED = 32
_BINS = 10
_ATTEMPTS = 100


@dataclass(frozen=True, eq=False)
class Policy:
    """A distribution over points that draws each choice on its own."""

    # A long or continuous range is ten bins of equal width on the parameter's own scale.

    domain: Domain
    axes: tuple[Axis, ...]
    logits: Matrix  # (parameters, values or bins); -inf beyond the last

    @classmethod
    def uniform(cls, domain: Domain) -> Self:
        """Returns the policy that prefers nothing."""
        own = axes(domain, longest=_LISTED)
        counts = np.array([len(axis.values) or _BINS for axis in own])
        return cls(domain, own, np.where(np.arange(counts.max()) < counts[:, None], 0.0, -np.inf))

    def moved(self, step: Matrix) -> Self:
        """Returns the policy with `step` added to its logits."""
        return replace(self, logits=self.logits + step)

    @cached_property
    def probabilities(self) -> Matrix:
        """The probability of each value or bin; rows sum to 1."""
        likely = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        result: Matrix = likely / likely.sum(axis=1, keepdims=True)
        return result

    def log_gradient(self, columns: Columns) -> Matrix:
        """Returns d log pi / d logits: one-hot minus probabilities; 0 for inactive choices."""
        rows = np.flatnonzero(columns >= 0)
        gradient = np.zeros_like(self.logits)
        gradient[rows] = -self.probabilities[rows]
        gradient[rows, columns[rows]] += 1.0
        return gradient

    def draw(self, rng: np.random.Generator) -> dict[str, Value]:
        """Draws a point."""
        steps = self.probabilities.cumsum(axis=1)[:, :-1]
        for _ in range(_ATTEMPTS):
            columns = (rng.random((len(steps), 1)) > steps).sum(axis=1)
            values: dict[str, Value] = {}
            drawn = zip(self.domain.parameters, self.axes, columns.tolist(), strict=True)
            for parameter, axis, column in drawn:
                if is_next_active(parameter, values):
                    values[axis.name] = _value(axis, column, rng)
            try:
                return self.domain.canonical(values)
            except SpaceError:  # a space may refuse combinations that its parameters allow
                continue
        return self.domain.sample(rng)

    def columns(self, values: Values) -> Columns | None:
        """Returns the column of each parameter's value, -1 for inactive ones; None for no point."""
        known: dict[str, Value] = {}
        columns = [-1] * len(self.axes)
        for number, (parameter, axis) in enumerate(
            zip(self.domain.parameters, self.axes, strict=True)
        ):
            if not is_next_active(parameter, known):
                continue
            value = values.get(parameter.name)
            if value is None:
                return None
            column = axis.index(value) if axis.line is None else _bin(parameter, value)
            if column is None:
                return None
            columns[number], known[parameter.name] = column, value
        return np.array(columns, dtype=np.intp)


def _value(axis: Axis, column: int, rng: np.random.Generator) -> Value:
    if axis.line is None:
        return axis.values[column]
    position = (column + float(rng.random())) / _BINS
    if isinstance(axis.line.count, int):
        return axis.line.value_at(int(position * axis.line.count))
    return axis.line.off_grid.from_unit(position)


def _bin(parameter: Parameter, value: Value) -> int | None:
    if not parameter.contains(value):
        return None
    if isinstance(parameter.count, int):
        position = parameter.index_of(value) / parameter.count
    else:
        position = parameter.range.off_grid.to_unit(cast("float", value))
    return min(int(position * _BINS), _BINS - 1)
