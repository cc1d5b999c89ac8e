"""Which paths are trained: drawn one by one, or dealt so that all options get their turn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.space.condition import holds

if TYPE_CHECKING:
    from nas_nb.evaluate.supernet.choice import Choices, Code
    from nas_nb.record.values import Value
    from nas_nb.space.parameter import Parameter

_MOST_PATHS = 12


class UniformPaths:
    """One path a step, every choice drawn by itself with equal chances.

    Paper: Guo et al., Single Path One-Shot Neural Architecture Search with Uniform Sampling,
    ECCV 2020: the supernet is trained by uniform path sampling.

    Args:
        choices: The choices of the space.
        rng: The source of chance.
    """

    paths_per_step = 1

    def __init__(self, choices: Choices, rng: np.random.Generator) -> None:
        self._choices = choices
        self._rng = rng

    def draw(self, steps: int) -> Code:
        """Returns the codes of the paths of some steps, ``(steps, paths, choices)``."""
        domain = self._choices.domain
        codes = [self._choices.encode(domain.sample(self._rng)) for _ in range(steps)]
        return np.stack(codes)[:, None, :]


class FairPaths:
    """Several paths a step, in which every option of a choice comes equally often.

    The options of each choice are dealt like cards, from a shuffled pack that is shuffled anew
    when it is empty. The step has as many paths as it takes for all packs to be empty at its end,
    if these are at most 12; else as many as the largest pack has cards, but 12 at most, and all
    options have been used equally often at the end of each pack. A choice that a path doesn't make
    deals no card.

    Paper: Chu, Zhang & Xu, FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural
    Architecture Search, ICCV 2021: strict fairness, figure 4. There all choices have as many
    options, and the gradients of the step's paths are added before the weights are changed.

    Args:
        choices: The choices of the space.
        rng: The source of chance.
    """

    def __init__(self, choices: Choices, rng: np.random.Generator) -> None:
        self._choices = choices
        self._rng = rng
        self._packs: dict[str, list[Value]] = {}
        sizes = [len(choice.values) for choice in choices.listed.values() if choice.values]
        multiple = math.lcm(*sizes)
        few = multiple <= _MOST_PATHS
        self.paths_per_step = multiple if few else min(max(sizes), _MOST_PATHS)

    def draw(self, steps: int) -> Code:
        """Returns the codes of the paths of some steps, ``(steps, paths, choices)``."""
        paths = self.paths_per_step
        codes = [self._choices.encode(self._deal()) for _ in range(steps * paths)]
        return np.stack(codes).reshape(steps, paths, -1)

    def _deal(self) -> dict[str, Value]:
        point: dict[str, Value] = {}
        for parameter in self._choices.domain.parameters:
            if holds(parameter.conditions, point):
                point[parameter.name] = self._card(parameter)
        return self._choices.domain.canonical(point)

    def _card(self, parameter: Parameter) -> Value:
        choice = self._choices[parameter.name]
        if not choice.values:
            return parameter.sample(self._rng)
        pack = self._packs.setdefault(parameter.name, [])
        if not pack:
            pack += [choice.values[place] for place in self._rng.permutation(len(choice.values))]
        return pack.pop()
