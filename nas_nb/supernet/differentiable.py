"""Differentiable search (DARTS): weights and architecture in turn, each by its own gradient."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from nas_nb.evaluate.compiled.training import SLICE_S
from nas_nb.evaluate.trainer import steps_per_epoch
from nas_nb.evaluate.training_state import TrainingResult
from nas_nb.supernet.choices import Noise, Relaxation
from nas_nb.supernet.layers import CallContext, SharedWeights
from nas_nb.supernet.supernet import LossAndMetrics, Momentum, PathAdam, shared_net

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.evaluate.training_state import TrainingControl
    from nas_nb.record.trial import Value
    from nas_nb.space.search_space import SearchSpace

Mixing = Mapping[str, list[tuple["Value", float]]]
OnMixing = Callable[[int, Mapping[str, float], Mixing, float], None]

CLIP = 5.0
HOTTEST, COLDEST = 10.0, 0.1
"""Temperatures of the first and the last epoch, as GDAS has them."""


@dataclass(frozen=True)
class DartsConfig:
    """Hyperparameters of DARTS, with the paper's names."""

    # There is neither weight decay nor a cosine schedule: a notebook's search is too short for
    # them.

    order: int = 1  # 2: through one step of the weights
    optimizer: str = "adam"  # of the architecture: "adam" or "sgd"
    learning_rate: float = 0.025  # of the weights: SGD, momentum 0.9
    arch_learning_rate: float = 0.02  # the paper's 0.0003 is for some 20,000 steps
    gumbel: bool = False  # draw one option a batch, instead of mixing


class DifferentiableSupernet:
    """The shared net of a space with every choice mixed, and the mixture learned."""

    # Liu, Simonyan & Yang, DARTS: Differentiable Architecture Search, ICLR 2019. Half of the
    # training samples train the weights, the other half the architecture; the validation samples
    # are not seen, so that trials can be scored by them. With `order=2` the weights make one step
    # of `learning_rate` before the loss of the other half is taken; the product with the second
    # derivatives is a finite difference.

    def __init__(
        self, space: SearchSpace, data: Data, config: DartsConfig | None = None, *, seed: int = 0
    ) -> None:
        self.config = config or DartsConfig()
        self.space = space.for_data(data.spec)
        self.seed = seed
        self.weights = SharedWeights(seed)
        self.net = shared_net(self.space, self.weights)
        self.weights.close()
        self.relaxation = Relaxation(self.net.choices, gumbel=self.config.gumbel)
        self.task = LossAndMetrics(self.net.spec)
        self._halves = _halves(data, seed)
        rate = self.config.arch_learning_rate
        flat = self.relaxation.flat
        adam = self.config.optimizer == "adam"
        self._architect = PathAdam(flat, rate, beta_1=0.5) if adam else Momentum(flat, rate)
        self._trainer = Momentum(self.weights.flat, self.config.learning_rate)
        self._steps = tf.function(self._run_steps, autograph=False)

    @property
    def mixing(self) -> dict[str, list[tuple[Value, float]]]:
        """The options of each choice with their weights now."""
        return self.relaxation.mixing()

    def train(
        self,
        *,
        epochs: int,
        batch_size: int = 32,
        on_epoch: OnMixing | None = None,
        control: TrainingControl | None = None,
    ) -> TrainingResult:
        """Trains weights and architecture, batch by batch in turn."""
        for epoch in range(1, epochs + 1):
            began = time.perf_counter()
            cooled = (epoch - 1) / max(1, epochs - 1)
            logs = self._epoch(epoch, HOTTEST + (COLDEST - HOTTEST) * cooled, batch_size, control)
            if logs is None:
                return TrainingResult(stopped=True)
            if on_epoch is not None:
                on_epoch(epoch, logs, self.mixing, time.perf_counter() - began)
        return TrainingResult(stopped=False)

    def _epoch(
        self, epoch: int, temperature: float, batch_size: int, control: TrainingControl | None
    ) -> dict[str, float] | None:
        steps = steps_per_epoch(len(self._halves[0][0]), batch_size)
        scalars: dict[str, Any] = {
            "key": tf.constant([self.seed, epoch], tf.int64),
            "size": tf.constant(batch_size),
            "steps": tf.constant(steps),
            "temperature": tf.constant(temperature),
        }
        batch, losses = 0, np.zeros(2)
        while batch < steps:
            if control is not None and control.checkpoint():
                return None
            scalars["start"] = tf.constant(batch)
            scalars["deadline"] = tf.constant(time.time() + SLICE_S, tf.float64)
            end, *sums = self._steps(scalars)
            batch = int(end)
            losses += [float(each) for each in sums]
        return {"loss": float(losses[0] / steps), "val_loss": float(losses[1] / steps)}

    def _run_steps(self, scalars: dict[str, Any]) -> Any:
        """Takes one batch of each half after the other until all are used or time is up."""
        key, size = scalars["key"], scalars["size"]
        orders = [
            tf.random.experimental.stateless_shuffle(
                tf.range(len(x)), seed=key + tf.constant([0, half], tf.int64)
            )
            for half, (x, _) in enumerate(self._halves)
        ]

        def go_on(batch: Any, loss: Any, other: Any) -> Any:
            # One batch is always run, so that a late call makes progress.
            in_time = tf.equal(batch, scalars["start"]) | (tf.timestamp() < scalars["deadline"])
            return (batch < scalars["steps"]) & in_time

        def step(batch: Any, loss: Any, other: Any) -> Any:
            batches = []
            for rows, (x, y) in zip(orders, self._halves, strict=True):
                chosen = rows[batch * size : (batch + 1) * size]
                batches.append((tf.gather(x, chosen), tf.gather(y, chosen)))
            seed = key + tf.cast(tf.stack([batch * 1000, 0]), tf.int64)
            mine, others = self._step(batches, Noise(seed, scalars["temperature"]))
            return batch + 1, loss + mine, other + others

        first = [scalars["start"], tf.constant(0.0), tf.constant(0.0)]
        return tf.while_loop(go_on, step, first, parallel_iterations=1)

    def _step(self, batches: list[Any], noise: Noise) -> tuple[Any, Any]:
        """Moves the architecture, then the weights; returns the losses of both halves."""
        train, held = batches
        weights = tf.convert_to_tensor(self.weights.flat)
        alpha = tf.convert_to_tensor(self.relaxation.flat)
        # Algorithm 1, step 1: update alpha by descending grad_alpha L_val(w - xi grad_w L_train).
        if self.config.order == 1:
            held_loss, _, gradient = self._gradients(weights, alpha, held, noise)
        else:
            held_loss, gradient = self._unrolled(weights, alpha, train, held, noise)
        self._architect.apply(gradient)
        # Step 2: update w by descending grad_w L_train(w, alpha).
        moved = tf.convert_to_tensor(self.relaxation.flat)
        loss, gradient, _ = self._gradients(weights, moved, train, noise)
        self._trainer.apply(tf.clip_by_norm(gradient, CLIP))
        return loss, held_loss

    def _unrolled(self, weights: Any, alpha: Any, train: Any, held: Any, noise: Noise) -> Any:
        """Returns the held half's loss after a step of the weights, and its gradient in alpha."""
        rate = self.config.learning_rate  # the paper's xi
        _, slope, _ = self._gradients(weights, alpha, train, noise)
        # Eq. (6): w' = w - xi * dL_train/dw; and the first term of eq. (7), at w'.
        loss, at_held, direct = self._gradients(weights - rate * slope, alpha, held, noise)
        # Eq. (8), the second term by finite differences: w+- = w +- epsilon * dL_val/dw'.
        epsilon = 0.01 / (tf.norm(at_held) + 1e-12)
        _, _, plus = self._gradients(weights + epsilon * at_held, alpha, train, noise)
        _, _, minus = self._gradients(weights - epsilon * at_held, alpha, train, noise)
        return loss, direct - rate * (plus - minus) / (2 * epsilon)  # eq. (7)

    def _gradients(self, weights: Any, alpha: Any, batch: Any, noise: Noise) -> Any:
        """Returns the loss of a batch, and its gradients in the weights and in alpha."""
        with tf.GradientTape() as tape:
            tape.watch([weights, alpha])
            loss = self.loss(weights, alpha, batch, noise)
        return (loss, *tape.gradient(loss, [weights, alpha]))

    def loss(self, weights: Any, alpha: Any, batch: Any, noise: Noise) -> Any:
        """Returns the mean loss of a batch for weights and architecture parameters in a row."""
        x, y = batch
        call = CallContext(training=True, rows=tf.shape(x)[0], seed=noise.seed)
        with self.weights.used(weights):
            logits = self.net.logits(self.relaxation.mixture(alpha, noise), x, call)
        return self.task.loss(logits, y)


def _halves(data: Data, seed: int) -> list[tuple[Any, Any]]:
    """Returns the training samples in two halves, on the device."""
    x, y = np.asarray(data.x_train, np.float32), np.asarray(data.y_train)
    order = np.random.default_rng([seed, 2]).permutation(len(x))
    # A half more than the other would need a batch more.
    half = len(order) // 2
    rows = (order[:half], order[half : 2 * half])
    return [(tf.constant(x[each]), tf.constant(y[each])) for each in rows]
