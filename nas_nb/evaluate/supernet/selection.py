"""How a choice is made inside the supernet: by a path, or as a mixture of all that is possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from nas_nb.evaluate.supernet.choice import Choice, Choices

Branch = Callable[[], Any]


class Selection(Protocol):
    """What decides a choice."""

    choices: Choices

    def select(self, name: str, branches: Sequence[Branch]) -> Any:
        """Returns what the branches of a choice make, in the order of its values."""

    def width(self, name: str) -> Any:
        """Returns how many of the units are computed: an int, or an int32 tensor."""

    def masked(self, name: str, x: Any) -> Any:
        """Returns units with those of them faded that narrower layers don't have."""


@dataclass(frozen=True)
class Path:
    """One architecture: a branch of each choice is computed, and no other.

    Attributes:
        choices: The choices of the space.
        code: Their code, a float32 tensor ``(choices,)``.
    """

    choices: Choices
    code: Any

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
    """All architectures at once: every branch is computed, and weighs as much as it is preferred.

    DARTS (Liu, Simonyan & Yang, ICLR 2019, eq. 2) calls it a mixed operation. Of widths the
    widest is computed, and each unit weighs as much as the widths that have it.

    Attributes:
        choices: The choices of the space.
        weights: For each choice with several values their weights, which sum to 1.
    """

    choices: Choices
    weights: Mapping[str, Any]

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


def _masks(choice: Choice) -> Any:
    units = np.arange(int(choice.top))
    return tf.constant(np.array([units < width for width in choice.widths], np.float32))
