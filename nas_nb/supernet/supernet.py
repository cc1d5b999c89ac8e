"""`Supernet` (one-shot): trained by sampled paths, scores any architecture."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import require_tensorflow
from nas_nb.evaluate.compiled.program import on_device
from nas_nb.evaluate.compiled.training import SLICE_S
from nas_nb.evaluate.trainer import steps_per_epoch
from nas_nb.evaluate.training_state import TrainingResult
from nas_nb.space.chain_space import ChainSpace
from nas_nb.space.parameter import holds
from nas_nb.spaces.nasbench201 import NasBench201Space
from nas_nb.supernet.cell_net import CellNet
from nas_nb.supernet.chain_net import ChainNet, check_pooling
from nas_nb.supernet.choices import PathChoices, mixed_choices
from nas_nb.supernet.layers import SharedNet, SharedWeights
from nas_nb.supernet.program import PathAdam, SupernetProgram

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.evaluate.training_state import OnEpoch, TrainingControl
    from nas_nb.record.trial import Value
    from nas_nb.space.parameter import Parameter
    from nas_nb.space.search_space import Architecture, SearchSpace
    from nas_nb.supernet.choices import Code

CALIBRATION_ROWS = 256
"""Training samples from which a path's batch statistics are taken before it is measured."""

_MEASURED_ROWS = 1024


class Supernet:
    """One net with the weights of every architecture of a space, each trained as a part of it.

    An architecture is a path through the net. In training every batch goes along one path, drawn
    uniformly, and changes the weights of that path alone. Afterwards any architecture is measured
    with the weights that it inherits, in a few milliseconds: good for telling kinds of
    architectures apart, less so for neighbours.

    All paths share one trace: choices are numbers in a tensor.

    Spaces of chains (with any widths, depths and operations; choices of the optimizer and the
    learning rate make no difference to the scores) and of NAS-Bench-201's cells.

    Paper: Guo et al., Single Path One-Shot Neural Architecture Search with Uniform Sampling,
    ECCV 2020. Statistics of batch normalisation are taken anew for each path that is measured,
    as there, from training samples.

    Example:
        >>> supernet = Supernet(space, data)
        >>> supernet.train(epochs=20)
        >>> max(candidates, key=supernet.score)
    """

    def __init__(
        self, space: SearchSpace, data: Data, *, seed: int = 0, learning_rate: float = 0.002
    ) -> None:
        self.space = space.for_data(data.spec)
        self.data = data
        self.seed = seed
        self.weights = SharedWeights(seed)
        self.net = shared_net(self.space, self.weights)
        self.weights.close()
        self.optimizer = PathAdam(self.weights.flat, learning_rate)
        self.program = SupernetProgram(self.net, self.weights, self.optimizer)
        self.epochs = 0

    def train(
        self,
        *,
        epochs: int,
        batch_size: int = 64,
        fair: bool = False,
        on_epoch: OnEpoch | None = None,
        control: TrainingControl | None = None,
    ) -> TrainingResult:
        """Trains the shared weights; a second call goes on."""
        rng = np.random.default_rng([self.seed, self.epochs])
        sampler = (FairPaths if fair else UniformPaths)(self.net.choices, rng)
        steps = steps_per_epoch(len(self.data.x_train), batch_size)
        for _ in range(epochs):
            began = time.perf_counter()
            loss = self._epoch(sampler.draw(steps), batch_size, control)
            if loss is None:
                return TrainingResult(stopped=True)
            self.epochs += 1
            if on_epoch is not None:
                on_epoch(self.epochs, {"loss": loss}, time.perf_counter() - began)
        return TrainingResult(stopped=False)

    def evaluate(self, architecture: Architecture) -> dict[str, float]:
        """Measures an architecture with the weights that it inherits, on the validation samples."""
        code = self.net.choices.encode(self.space.domain.canonical(architecture.values))
        training, validation = on_device(self.data)
        known = training.x[:CALIBRATION_ROWS]
        self.program.task.reset()
        total = 0.0
        metrics: dict[str, float] = {}
        for start in range(0, validation.samples, _MEASURED_ROWS):
            x, y = (part[start : start + _MEASURED_ROWS] for part in (validation.x, validation.y))
            loss, metrics = self.program.measure(x, y, known, code)
            total += loss * len(x)
        logs = {"loss": total / validation.samples, **metrics}
        return {f"val_{name}": value for name, value in logs.items()}

    def score(self, architecture: Architecture, objective: str | None = None) -> float:
        """Returns one measure of an architecture with the weights that it inherits."""
        measured = self.evaluate(architecture)
        default = "val_accuracy" if "val_accuracy" in measured else "val_loss"
        name = objective or default
        if name not in measured:
            raise MeasureError(
                f"Expected one of {', '.join(measured)} to score by. Received: {name!r}."
            )
        return measured[name]

    def _epoch(self, paths: Any, batch_size: int, control: TrainingControl | None) -> float | None:
        """Runs one epoch in slices; returns its mean loss, None if it was cut."""
        training, _ = on_device(self.data)
        scalars: dict[str, Any] = {
            "key": tf.constant([self.seed, self.epochs], tf.int64),
            "size": tf.constant(batch_size),
        }
        batch, total = 0, 0.0
        while batch < len(paths):
            if control is not None and control.checkpoint():
                return None
            scalars["start"] = tf.constant(batch)
            scalars["deadline"] = tf.constant(time.time() + SLICE_S, tf.float64)
            batch, loss = self.program.train(training.x, training.y, paths, **scalars)
            total += loss
        return total / len(paths)


_MOST_PATHS = 12


class UniformPaths:
    """One path a step, every choice drawn by itself with equal chances (Guo et al., ECCV 2020)."""

    paths_per_step = 1

    def __init__(self, choices: PathChoices, rng: np.random.Generator) -> None:
        self._choices = choices
        self._rng = rng

    def draw(self, steps: int) -> Code:
        """Returns the codes of the paths of some steps, ``(steps, paths, choices)``."""
        domain = self._choices.domain
        codes = [self._choices.encode(domain.sample(self._rng)) for _ in range(steps)]
        return np.stack(codes)[:, None, :]


class FairPaths:
    """Several paths a step, in which every option of a choice comes equally often."""

    # Chu, Zhang & Xu, FairNAS: Rethinking Evaluation Fairness of Weight Sharing NAS, ICCV 2021.
    # The options of each choice are dealt like cards, from a pack that is shuffled anew when it is
    # empty. A step has as many paths as it takes for all packs to be empty at its end, if these
    # are at most 12; else as many as the largest pack has cards, but 12 at most.

    def __init__(self, choices: PathChoices, rng: np.random.Generator) -> None:
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


def shared_net(space: SearchSpace, weights: SharedWeights) -> SharedNet:
    """Returns the shared net of a space that has been given data."""
    require_tensorflow("a supernet")
    definition = _shareable(space)
    if definition.spec is None:
        raise MeasureError(
            "Expected a space that knows the data for a supernet. Received: one without. Take "
            "space.for_data(data.spec)."
        )
    if isinstance(definition, ChainSpace):
        return ChainNet(space.domain, definition.spec, weights)
    return CellNet(space.domain, definition.skeleton, definition.spec, weights)


def check_shareable(space: SearchSpace, *, mixed: bool = False) -> None:
    """Checks that a space has a shared net, without making one."""
    definition = _shareable(space)
    choices = PathChoices.of(space.domain)
    if isinstance(definition, ChainSpace):
        check_pooling(choices)
    if mixed:
        mixed_choices(choices)


def _shareable(space: SearchSpace) -> ChainSpace | NasBench201Space:
    definition = space.definition
    if isinstance(definition, ChainSpace | NasBench201Space):
        return definition
    raise MeasureError(
        "Expected a space of chains (a dictionary of layers) or of NAS-Bench-201's cells for a "
        f"supernet. Received: one of {type(definition).__name__}. Take a strategy that trains "
        "every candidate by itself, such as 'evolution'."
    )
