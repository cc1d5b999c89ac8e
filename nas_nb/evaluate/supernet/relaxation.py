"""The relaxed space: each choice is a mixture whose weights are learned by gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from nas_nb.errors import MeasureError
from nas_nb.evaluate.supernet.selection import Mixture

if TYPE_CHECKING:
    from nas_nb.evaluate.supernet.choice import Choice, Choices
    from nas_nb.record.values import Value

_OUTSIDE = ("optimizer", "learning_rate")
"""Choices of how a model is trained: they make no difference to what the shared net computes."""


@dataclass(frozen=True)
class Noise:
    """What a relaxation draws.

    Attributes:
        seed: Two int64; equal seeds draw the same.
        temperature: How soft the drawn choice is; a float32 tensor above 0.
    """

    seed: Any
    temperature: Any


class Relaxation:
    """Architecture parameters: for each choice one number an option, whose softmax is its weight.

    Args:
        choices: The choices of the space.
        gumbel: Whether one option of each choice is drawn for a batch (see `mixture`), instead of
            mixing all.

    Raises:
        MeasureError: A choice is a range of numbers, which can't be mixed.

    Attributes:
        flat: The parameters of all choices in a row, all 0 at first.
    """

    def __init__(self, choices: Choices, *, gumbel: bool = False) -> None:
        self.choices = choices
        self.gumbel = gumbel
        self.mixed = mixed_choices(choices)
        self._sizes = [len(choice.values) for choice in self.mixed]
        self.flat = tf.Variable(tf.zeros(sum(self._sizes)))

    def mixture(self, flat: Any, noise: Noise) -> Mixture:
        """Returns the mixture that parameters in a row make.

        With `gumbel` one option is drawn with the probability that its softmax gives it, by
        adding Gumbel noise; the gradient is that of the softmax with noise at the temperature.
        Papers: Dong & Yang, Searching for a Robust Neural Architecture in Four GPU Hours, CVPR
        2019 (GDAS); Xie et al., SNAS, ICLR 2019, who mix the softmax itself.

        Args:
            flat: The variable, or a tensor that stands for it.
            noise: What is drawn; overlooked without `gumbel`.
        """
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


def derive(choices: Choices, mixing: Mapping[str, list[tuple[Value, float]]]) -> dict[str, Value]:
    """Returns the architecture of which each choice is the option with the greatest weight.

    DARTS, section 2.2: each mixed operation is replaced with the most likely one.

    Args:
        choices: The choices of the space.
        mixing: The options and weights of each choice that was mixed; others take the default.
    """
    best = {name: max(options, key=lambda option: option[1])[0] for name, options in mixing.items()}
    return choices.domain.complete(best)


def mixed_choices(choices: Choices) -> list[Choice]:
    """Returns the choices that a mixture weighs.

    Raises:
        MeasureError: A choice is a range of numbers, or there is none to weigh.
    """
    mixed = [choice for choice in choices.listed.values() if _is_mixed(choice)]
    if not mixed:
        raise MeasureError(
            "Expected a space with a choice between several values, got one architecture only."
        )
    return mixed


def _is_mixed(choice: Choice) -> bool:
    if choice.name in _OUTSIDE:
        return False
    if not choice.values:
        raise MeasureError(
            f"Expected choices between listed values to mix them, got a range for '{choice.name}':"
            " list some values of it, or take the strategy 'one_shot'."
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
