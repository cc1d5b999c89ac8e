"""`Supernet` (one-shot): trained by sampled paths in compiled steps, scores any architecture."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import require_tensorflow
from nas_nb.evaluate.compiled.program import on_device
from nas_nb.evaluate.compiled.training import SLICE_S
from nas_nb.evaluate.trainer import steps_per_epoch
from nas_nb.evaluate.training_state import TrainingResult
from nas_nb.space.chain_space import ChainSpace
from nas_nb.space.definition import compile_for, output_layer
from nas_nb.space.parameter import holds
from nas_nb.spaces.nasbench201 import NasBench201Space
from nas_nb.supernet.cell_net import CellNet
from nas_nb.supernet.chain_net import ChainNet, check_pooling
from nas_nb.supernet.choices import Path, PathChoices, mixed_choices
from nas_nb.supernet.layers import CallContext, SharedNet, SharedWeights

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data, DataSpec
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


class LossAndMetrics:
    """Loss and metrics of the data, for what a shared net makes."""

    def __init__(self, spec: DataSpec) -> None:
        head = output_layer(spec)
        self._activation = head.activation
        self._width = spec.outputs
        # A model of nothing but the outputs has Keras compute losses and metrics as for any other.
        inputs = keras.Input((spec.outputs,))
        self._shell = compile_for(keras.Model(inputs, keras.layers.Identity()(inputs)), spec)

    def loss(self, logits: Any, y: Any) -> Any:
        """Returns the mean loss of a batch."""
        return self._shell.compute_loss(x=None, y=y, y_pred=self._outputs(logits))

    def measure(self, logits: Any, y: Any) -> Any:
        """Adds a batch to the metrics; returns them so far by name."""
        measured = self._shell.compute_metrics(None, y, self._outputs(logits), None)
        return {name: value for name, value in measured.items() if name != "loss"}

    def _outputs(self, logits: Any) -> Any:
        # Losses look at the number of outputs, which a path of unknown widths has lost.
        return self._activation(tf.ensure_shape(logits, (None, self._width)))

    def reset(self) -> None:
        """Begins new metrics."""
        self._shell.reset_metrics()


class SupernetProgram:
    """Training and measuring of paths, each traced once for all of them."""

    def __init__(self, net: SharedNet, weights: SharedWeights, optimizer: PathAdam) -> None:
        self.net = net
        self.weights = weights
        self.task = LossAndMetrics(net.spec)
        self.optimizer = optimizer
        self._train = tf.function(self._train_batches, autograph=False)
        self._measure: Any = None

    def train(self, x: Any, y: Any, paths: Any, **scalars: Any) -> tuple[int, float]:
        """Trains on one batch after the other until all are used or time is up."""
        end, loss = self._train(x, y, tf.constant(paths), scalars)
        return int(end), float(loss)

    def measure(self, x: Any, y: Any, known: Any, code: Any) -> tuple[float, dict[str, float]]:
        """Measures one path on a batch."""
        if self._measure is None:
            self._measure = self._measuring(x, y, known, code)
        loss, metrics = self._measure(x, y, known, tf.constant(code))
        return float(loss), {name: float(value) for name, value in metrics.items()}

    def _measuring(self, x: Any, y: Any, known: Any, code: Any) -> Any:
        """Returns the compiled function for batches of any size."""
        # Metrics make their variables at their first use, which has to be outside of a trace.
        self.task.measure(tf.zeros((len(y), self.net.spec.outputs)), y)
        self.task.reset()
        rows = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in (x, y, known)]
        signature = [*rows, tf.TensorSpec(code.shape, tf.float32)]
        return tf.function(self._measure_batch, input_signature=signature, autograph=False)

    def _train_batches(self, x: Any, y: Any, paths: Any, scalars: dict[str, Any]) -> Any:
        rows = tf.random.experimental.stateless_shuffle(
            tf.range(tf.shape(x)[0]), seed=scalars["key"]
        )
        size, deadline = scalars["size"], scalars["deadline"]

        def go_on(batch: Any, total: Any) -> Any:
            # One batch is always run, so that a late call makes progress.
            in_time = tf.equal(batch, scalars["start"]) | (tf.timestamp() < deadline)
            return (batch < tf.shape(paths)[0]) & in_time

        def step(batch: Any, total: Any) -> Any:
            chosen = rows[batch * size : (batch + 1) * size]
            seed = scalars["key"] + tf.cast(tf.stack([batch * 1000, 0]), tf.int64)
            loss, gradient = self._gradients(
                tf.gather(x, chosen), tf.gather(y, chosen), paths[batch], seed
            )
            self.optimizer.apply(gradient)
            return batch + 1, total + loss

        return tf.while_loop(
            go_on, step, [scalars["start"], tf.constant(0.0)], parallel_iterations=1
        )

    def _gradients(self, x: Any, y: Any, codes: Any, seed: Any) -> Any:
        """Returns the mean loss of some paths on a batch, and the sum of their gradients."""
        count = codes.shape[0]
        if count == 1:
            return self._gradient(x, y, codes[0], seed)

        def path(number: Any, total: Any, sums: Any) -> Any:
            loss, gradient = self._gradient(x, y, codes[number], seed)
            return number + 1, total + loss / float(count), sums + gradient

        nothing = tf.zeros(self.weights.flat.shape)
        _, loss, sums = tf.while_loop(
            lambda number, total, sums: number < count,
            path,
            [tf.constant(0), tf.constant(0.0), nothing],
            parallel_iterations=1,
        )
        return loss, sums

    def _gradient(self, x: Any, y: Any, code: Any, seed: Any) -> Any:
        call = CallContext(training=True, rows=tf.shape(x)[0], seed=seed)
        flat = tf.convert_to_tensor(self.weights.flat)
        with tf.GradientTape() as tape:
            tape.watch(flat)
            with self.weights.used(flat):
                loss = self.task.loss(self.net.logits(Path(self.net.choices, code), x, call), y)
        return loss, tape.gradient(loss, flat)

    def _measure_batch(self, x: Any, y: Any, known: Any, code: Any) -> Any:
        rows = tf.shape(known)[0]
        call = CallContext(training=False, rows=rows, seed=tf.zeros(2, tf.int64))
        both = tf.concat([known, x], 0)
        with self.weights.used(self.weights.flat):
            logits = self.net.logits(Path(self.net.choices, code), both, call)[rows:]
        return self.task.loss(logits, y), self.task.measure(logits, y)


class PathAdam:
    """Adam (Kingma & Ba, ICLR 2015) for weights of which each step uses a part."""

    # A weight that the step's paths did not use has a gradient of exactly zero. It stays as it is,
    # and so do its averages and its count of steps: with the usual update it would go on along its
    # old momentum, trained by paths that it is no part of.

    def __init__(
        self,
        variable: Any,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        self.variable = variable
        self.learning_rate = learning_rate
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        # Averages of gradients and their squares, and powers of the betas: one each a weight,
        # since each weight counts its own steps.
        self._state = [_filled(variable, value) for value in (0.0, 0.0, 1.0, 1.0)]
        # Some twenty operations on every weight, of which the compiler makes one.
        self._fused = tf.function(self._moved, autograph=False, jit_compile=True)

    def apply(self, gradient: Any) -> None:
        """Makes one step, inside of a compiled function or outside."""
        kept = [self.variable, *self._state]
        moved = self._fused(gradient, *map(tf.convert_to_tensor, kept))
        for variable, value in zip(kept, moved, strict=True):
            variable.assign(value)

    def _moved(
        self, gradient: Any, weights: Any, mean: Any, square: Any, power_1: Any, power_2: Any
    ) -> list[Any]:
        """Returns the weights and the state after a step; as they were where nothing was used."""
        # Algorithm 1, its last three lines in the order that section 2 gives.
        new_mean = mean + (1 - self.beta_1) * (gradient - mean)
        new_square = square + (1 - self.beta_2) * (gradient * gradient - square)
        new_1, new_2 = power_1 * self.beta_1, power_2 * self.beta_2
        size = self.learning_rate * tf.sqrt(1 - new_2) / (1 - new_1)
        moved = weights - size * new_mean / (tf.sqrt(new_square) + self.epsilon)
        used = tf.not_equal(gradient, 0.0)
        old = (weights, mean, square, power_1, power_2)
        new = (moved, new_mean, new_square, new_1, new_2)
        return [tf.where(used, b, a) for a, b in zip(old, new, strict=True)]


class Momentum:
    """Gradient descent with momentum."""

    def __init__(self, variable: Any, learning_rate: float, momentum: float = 0.9) -> None:
        self.variable = variable
        self.learning_rate, self.momentum = learning_rate, momentum
        self._velocity = _filled(variable, 0.0)

    def apply(self, gradient: Any) -> None:
        """Makes one step, inside of a compiled function or outside."""
        velocity = self._velocity.assign(self.momentum * self._velocity + gradient)
        self.variable.assign_sub(self.learning_rate * velocity)


def _filled(variable: Any, value: float) -> Any:
    return tf.Variable(np.full(variable.shape, value, np.float32), trainable=False)
