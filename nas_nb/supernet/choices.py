"""How a choice is made inside: by a path, or as a mixture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nas_nb.errors import MeasureError
from nas_nb.space.encoding import axes

if TYPE_CHECKING:
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.encoding import Axis
    from nas_nb.space.parameter import Parameter

Code = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PathChoice:
    """One choice of the space."""

    name: str
    values: tuple[Value, ...]  # empty for a range that has too many
    top: float  # the greatest number; 0 for words
    place: int  # in the code of a path

    @property
    def is_number(self) -> bool:
        """Whether the code holds the chosen number itself, not its place in the list."""
        return not self.values or all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in self.values
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """The numbers that may be chosen, as whole ones."""
        return tuple(int(cast("float", value)) for value in self.values)

    def code(self, value: Value) -> float:
        """Returns the number that stands for a value."""
        return float(value) if self.is_number else float(self.values.index(value))


@dataclass(frozen=True)
class PathChoices:
    """The choices of a space by name, in the domain's order, each under a name of its own."""

    domain: Domain
    listed: Mapping[str, PathChoice]

    @classmethod
    def of(cls, domain: Domain) -> PathChoices:
        """Returns the choices of a domain."""
        names = [parameter.name for parameter in domain.parameters]
        if len(set(names)) < len(names):
            raise MeasureError(
                "Expected a space of chains or cells for a supernet. Received: one with several "
                "ranges under one name."
            )
        every = zip(domain.parameters, axes(domain, longest=_MOST), strict=True)
        listed = {p.name: _choice(p, axis, place) for place, (p, axis) in enumerate(every)}
        return cls(domain, listed)

    def encode(self, point: Values) -> Code:
        """Returns the code of a canonical point; choices that it doesn't make are 0."""
        code = np.zeros(len(self.listed), np.float32)
        for name, value in point.items():
            choice = self.listed[name]
            code[choice.place] = choice.code(value)
        return code

    def __getitem__(self, name: str) -> PathChoice:
        return self.listed[name]

    def __contains__(self, name: object) -> bool:
        return name in self.listed


def _choice(parameter: Parameter, axis: Axis, place: int) -> PathChoice:
    numbers = [v for v in axis.values if isinstance(v, int | float) and not isinstance(v, bool)]
    return PathChoice(
        axis.name, axis.values, float(max(numbers, default=parameter.high or 0)), place
    )


_MOST = 256

Branch = Callable[[], Any]


@dataclass(frozen=True)
class Path:
    """One architecture: a branch of each choice is computed, and no other."""

    choices: PathChoices
    code: Any  # float32, (choices,)

    def number(self, name: str) -> Any:
        """Returns the number that is chosen."""
        return self.code[self.choices[name].place]

    def index(self, name: str) -> Any:
        """Returns the place of what is chosen among the choice's values, an int32 tensor."""
        choice = self.choices[name]
        if not choice.is_number:
            return tf.cast(tf.round(self.number(name)), tf.int32)
        values = np.array(choice.values, np.float32)
        return tf.argmin(tf.abs(values - self.number(name)), output_type=tf.int32)

    def one_hot(self, name: str) -> Any:
        """Returns a 1 for what is chosen and a 0 for all else, a float32 tensor."""
        values = self.choices[name].values
        return tf.one_hot(self.index(name), len(values)) if len(values) > 1 else tf.ones(1)

    def select(self, name: str, branches: Sequence[Branch]) -> Any:
        """Runs the chosen branch alone."""
        if len(branches) == 1:
            return branches[0]()
        return tf.switch_case(self.index(name), list(branches))

    def width(self, name: str) -> Any:
        """Returns the chosen width."""
        choice = self.choices[name]
        if len(choice.values) == 1:
            return choice.widths[0]
        return tf.cast(tf.round(self.number(name)), tf.int32)

    def masked(self, name: str, x: Any) -> Any:
        """Returns `x`: it has the chosen units only."""
        return x


@dataclass(frozen=True)
class Mixture:
    """All architectures at once: every branch is computed, and weighs as it is preferred."""

    # DARTS (Liu, Simonyan & Yang, ICLR 2019, eq. 2) calls it a mixed operation. Of widths the
    # widest is computed, and each unit weighs as much as the widths that have it.

    choices: PathChoices
    weights: Mapping[str, Any]  # sum to 1 for each choice of several values

    def select(self, name: str, branches: Sequence[Branch]) -> Any:
        """Returns the weighted sum of all branches."""
        if len(branches) == 1:
            return branches[0]()
        weights = self.weights[name]
        # Eq. (2): the sum over o of softmax(alpha)_o * o(x).
        return tf.add_n([weights[place] * branch() for place, branch in enumerate(branches)])

    def width(self, name: str) -> Any:
        """Returns the greatest width."""
        return int(self.choices[name].top)

    def masked(self, name: str, x: Any) -> Any:
        """Returns `x` with each unit times the weight of the widths that have it."""
        choice = self.choices[name]
        if len(choice.values) == 1:
            return x
        return x * tf.linalg.matvec(_masks(choice), self.weights[name], transpose_a=True)


def _masks(choice: PathChoice) -> Any:
    units = np.arange(int(choice.top))
    return tf.constant(np.array([units < width for width in choice.widths], np.float32))


_OUTSIDE = ("optimizer", "learning_rate")
"""Choices of how a model is trained: they make no difference to what the shared net computes."""


@dataclass(frozen=True)
class Noise:
    """What a relaxation draws; equal seeds draw the same."""

    seed: Any  # two int64
    temperature: Any  # how soft the drawn choice is, float32 above 0


class Relaxation:
    """Architecture parameters: one number for each option, whose softmax is its weight."""

    def __init__(self, choices: PathChoices, *, gumbel: bool = False) -> None:
        self.choices = choices
        self.gumbel = gumbel
        self.mixed = mixed_choices(choices)
        self._sizes = [len(choice.values) for choice in self.mixed]
        self.flat = tf.Variable(tf.zeros(sum(self._sizes)))

    def mixture(self, flat: Any, noise: Noise) -> Mixture:
        """Returns the mixture that parameters in a row make; with `gumbel` one option is drawn."""
        # Adding Gumbel noise draws an option with its softmax's probability; the gradient is that
        # of the softmax with noise at the temperature. Dong & Yang, Searching for a Robust Neural
        # Architecture in Four GPU Hours, CVPR 2019 (GDAS); Xie et al., SNAS, ICLR 2019, who mix
        # the softmax itself.
        weights = {}
        for place, (choice, part) in enumerate(zip(self.mixed, self._parts(flat), strict=True)):
            if self.gumbel:
                weights[choice.name] = _drawn(part, noise, place)
            else:
                weights[choice.name] = tf.nn.softmax(part)  # DARTS, eq. (2)
        return Mixture(self.choices, weights)

    def mixing(self) -> dict[str, list[tuple[Value, float]]]:
        """Returns the options of each choice with their weights now, which sum to 1."""
        weights = [tf.nn.softmax(part).numpy().tolist() for part in self._parts(self.flat)]
        pairs = zip(self.mixed, weights, strict=True)
        return {c.name: list(zip(c.values, own, strict=True)) for c, own in pairs}

    def _parts(self, flat: Any) -> list[Any]:
        parts: list[Any] = tf.split(tf.convert_to_tensor(flat), self._sizes)
        return parts


def mixed_choices(choices: PathChoices) -> list[PathChoice]:
    """Returns the choices that a mixture weighs."""
    mixed = [choice for choice in choices.listed.values() if _is_mixed(choice)]
    if not mixed:
        raise MeasureError(
            "Expected a space with a choice between several values. Received: one architecture "
            "only."
        )
    return mixed


def _is_mixed(choice: PathChoice) -> bool:
    if choice.name in _OUTSIDE:
        return False
    if not choice.values:
        raise MeasureError(
            "Expected choices between listed values to mix them. Received: a range for "
            f"'{choice.name}'. List some values of it, or take the strategy 'one_shot'."
        )
    return len(choice.values) > 1


def _drawn(part: Any, noise: Noise, place: int) -> Any:
    """Returns a one-hot draw whose gradient is that of the softmax with noise."""
    seed = noise.seed + tf.constant([0, 10_000 + place], tf.int64)
    uniform = tf.random.stateless_uniform(part.shape, seed=seed, minval=1e-6, maxval=1.0)
    gumbel = -tf.math.log(-tf.math.log(uniform * (1.0 - 1e-6)))
    soft = tf.nn.softmax((tf.nn.log_softmax(part) + gumbel) / noise.temperature)
    hard = tf.one_hot(tf.argmax(soft), int(np.prod(part.shape)))
    return hard + soft - tf.stop_gradient(soft)
