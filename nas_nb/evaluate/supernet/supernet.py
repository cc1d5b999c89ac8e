"""The one-shot supernet: trained once, it scores every architecture of a space."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from nas_nb.errors import MeasureError
from nas_nb.evaluate.batches import steps_per_epoch
from nas_nb.evaluate.engine.device import resident
from nas_nb.evaluate.engine.training import SLICE_S
from nas_nb.evaluate.supernet.extraction import extract
from nas_nb.evaluate.supernet.nets import shared_net
from nas_nb.evaluate.supernet.optimizer import PathAdam
from nas_nb.evaluate.supernet.program import Program
from nas_nb.evaluate.supernet.sampling import FairPaths, UniformPaths
from nas_nb.evaluate.supernet.weights import Weights
from nas_nb.evaluate.trainer import TrainingResult

if TYPE_CHECKING:
    import keras

    from nas_nb.data import Data
    from nas_nb.evaluate.trainer import Control, OnEpoch
    from nas_nb.space.architecture import Architecture
    from nas_nb.space.search_space import SearchSpace

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

    Args:
        space: The space.
        data: What it is trained and measured on.
        seed: Decides the first weights, the paths and the order of the samples; 0 or more.
        learning_rate: Of Adam, which leaves alone what a step doesn't use.

    Raises:
        MeasureError: The space is not one of these.

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
        self.weights = Weights(seed)
        self.net = shared_net(self.space, self.weights)
        self.weights.close()
        self.optimizer = PathAdam(self.weights.flat, learning_rate)
        self.program = Program(self.net, self.weights, self.optimizer)
        self.epochs = 0

    def train(
        self,
        *,
        epochs: int,
        batch_size: int = 64,
        fair: bool = False,
        on_epoch: OnEpoch | None = None,
        control: Control | None = None,
    ) -> TrainingResult:
        """Trains the shared weights; a second call goes on.

        Args:
            epochs: Passes over the training samples, 1 or more.
            batch_size: Samples a batch, 1 or more.
            fair: Let each batch go along several paths in which every option of a choice comes
                equally often (FairNAS); an epoch takes as many times longer. Default: one path,
                drawn uniformly.
            on_epoch: Called after each epoch with its number, `loss` and its seconds.
            control: Asked every half second; True ends the training.

        Returns:
            How the training ended.
        """
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
        """Measures an architecture with the weights that it inherits, on the validation samples.

        Returns:
            `val_loss` and the metrics of the data, under the names that `fit` gives them.
        """
        code = self.net.choices.encode(self.space.domain.canonical(architecture.values))
        training, validation = resident(self.data)
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
        """Returns one measure of an architecture with the weights that it inherits.

        Args:
            architecture: One of the space.
            objective: Its name, as `evaluate` gives it. Default: `val_accuracy` for classes,
                `val_loss` for numbers.

        Raises:
            MeasureError: There is no measure of that name.
        """
        measured = self.evaluate(architecture)
        default = "val_accuracy" if "val_accuracy" in measured else "val_loss"
        name = objective or default
        if name not in measured:
            raise MeasureError(f"Expected one of {', '.join(measured)} to score by, got {name!r}.")
        return measured[name]

    def build(self, architecture: Architecture) -> keras.Model:
        """Returns a new compiled model of an architecture, with the weights that it inherits."""
        model = self.space.build_values(architecture.values)
        extract(self.net, self.space.domain.canonical(architecture.values), model)
        calibrate(model, self.data.x_train[:CALIBRATION_ROWS])
        return model

    def _epoch(self, paths: Any, batch_size: int, control: Control | None) -> float | None:
        """Runs one epoch in slices; returns its mean loss, None if it was cut."""
        training, _ = resident(self.data)
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


def calibrate(model: keras.Model, x: Any) -> None:
    """Sets the moving statistics of batch normalisations to those of one batch."""
    norms = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    if not norms:
        return
    momenta: Mapping[int, float] = {id(layer): layer.momentum for layer in norms}
    for layer in norms:
        layer.momentum = 0.0
    try:
        model(x, training=True)
    finally:
        for layer in norms:
            layer.momentum = momenta[id(layer)]
