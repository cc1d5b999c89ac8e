from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from nas_nb.errors import MeasureError
from nas_nb.space.ranges import uniform
from nas_nb.space.search_space import SearchSpace
from nas_nb.spaces.nasbench201 import nasbench201_cell
from nas_nb.strategy.weight_sharing import MixingWeights
from nas_nb.supernet.choices import Noise, Path
from nas_nb.supernet.differentiable import DartsConfig, DifferentiableSupernet
from nas_nb.supernet.layers import CallContext
from tests.supernet.made import stripes

pytestmark = pytest.mark.tensorflow

DATA = stripes()
CHAINS: dict[str, Any] = {
    "layers": ["Conv2D", "Dense"],
    "units": [3, 5],
    "activations": ["relu", "sigmoid"],
    "kernel_sizes": [2, 3],
    "depth": [3, 1, 2],
    "normalization": ["none", "batch"],
    "learning_rate": [0.1, 0.01],
}
BATCH = tf.constant(DATA.x_train[:9]), tf.constant(DATA.y_train[:9])
NOISE = Noise(tf.constant([0, 0], tf.int64), tf.constant(1.0))
ONE_LAYER = SearchSpace.from_dict(
    {"layers": ["Conv2D", "Dense"], "units": [8], "activations": ["relu"], "depth": [1]}
)


def certain(supernet: DifferentiableSupernet, values: Any) -> Any:
    """Architecture parameters that leave nothing but one architecture."""
    parts = [
        [40.0 if value == values.get(choice.name) else -40.0 for value in choice.values]
        for choice in supernet.relaxation.mixed
    ]
    return tf.constant(np.concatenate(parts), tf.float32)


@pytest.mark.parametrize(
    "space", [SearchSpace.from_dict(CHAINS), nasbench201_cell(width=3, stages=2, nodes=3)]
)
def test_a_mixture_of_one_architecture_is_its_path(space: SearchSpace) -> None:
    supernet = DifferentiableSupernet(space, DATA, seed=1)
    rng = np.random.default_rng(2)
    for _ in range(6):
        values = supernet.space.domain.sample(rng)
        mixed = supernet.loss(supernet.weights.flat, certain(supernet, values), BATCH, NOISE)
        path = Path(supernet.net.choices, tf.constant(supernet.net.choices.encode(values)))
        with supernet.weights.used(supernet.weights.flat):
            logits = supernet.net.logits(
                path, BATCH[0], CallContext(True, tf.constant(9), NOISE.seed)
            )
        alone = supernet.task.loss(logits, BATCH[1])
        assert float(mixed) == pytest.approx(float(alone), abs=1e-5), values


def test_the_second_order_gradient_is_that_of_the_loss_after_a_step() -> None:
    space = SearchSpace.from_dict({"layers": "Dense", "units": [2, 4], "activations": ["tanh"]})
    supernet = DifferentiableSupernet(space, DATA, DartsConfig(order=2, learning_rate=0.5))
    weights = tf.convert_to_tensor(supernet.weights.flat)
    alpha = tf.constant(np.linspace(-1, 1, supernet.relaxation.flat.shape[0]), tf.float32)
    held = tf.constant(DATA.x_val[:20]), tf.constant(DATA.y_val[:20])
    _, found = supernet._unrolled(weights, alpha, BATCH, held, NOISE)
    with tf.GradientTape() as outer:
        outer.watch(alpha)
        with tf.GradientTape() as inner:
            inner.watch(weights)
            loss = supernet.loss(weights, alpha, BATCH, NOISE)
        moved = weights - 0.5 * inner.gradient(loss, weights)
        after = supernet.loss(moved, alpha, held, NOISE)
    exact = outer.gradient(after, alpha).numpy()
    _, _, first = supernet._gradients(weights, alpha, held, NOISE)
    assert np.abs(found - exact).max() < 0.02 * np.abs(exact).max()
    assert np.abs(first - exact).max() > 0.1 * np.abs(exact).max()


@pytest.mark.parametrize(
    "descent",
    [
        DartsConfig(arch_learning_rate=0.1),
        DartsConfig(order=2, arch_learning_rate=0.1),
        DartsConfig(optimizer="sgd", arch_learning_rate=2.0),
        DartsConfig(gumbel=True, arch_learning_rate=0.1),
    ],
    ids=["first order", "second order", "sgd", "gumbel"],
)
def test_the_layer_that_sees_stripes_at_any_phase_wins(descent: DartsConfig) -> None:
    supernet = DifferentiableSupernet(ONE_LAYER, DATA, descent)
    seen: list[Any] = []
    supernet.train(
        epochs=15,
        batch_size=10,
        on_epoch=lambda epoch, logs, mixing, duration_s: seen.append((epoch, logs, mixing)),
    )
    derived = MixingWeights(supernet.mixing).derived(ONE_LAYER.domain)
    assert derived["layer_1"] == "Conv2D"
    (name, weight), (_, other) = seen[-1][2]["layer_1"]
    assert name == "Conv2D"
    assert weight > 0.6
    assert weight + other == pytest.approx(1.0)
    assert [epoch for epoch, _, _ in seen] == list(range(1, 16))
    assert seen[-1][1]["val_loss"] < seen[0][1]["val_loss"]


def test_training_ends_when_the_control_says_so() -> None:
    class Stops:
        def checkpoint(self) -> bool:
            return True

    supernet = DifferentiableSupernet(ONE_LAYER, DATA)
    assert supernet.train(epochs=3, control=Stops()).stopped
    assert supernet.mixing["layer_1"] == [("Conv2D", 0.5), ("Dense", 0.5)]


def test_choices_that_the_net_does_not_compute_are_not_mixed() -> None:
    supernet = DifferentiableSupernet(SearchSpace.from_dict(CHAINS), DATA)
    assert "learning_rate" not in supernet.mixing
    derived = MixingWeights(supernet.mixing).derived(supernet.space.domain)
    assert "learning_rate" in derived


def test_ranges_are_refused_with_advice() -> None:
    space = SearchSpace.from_dict({**CHAINS, "dropout": uniform(0.0, 0.5)})
    with pytest.raises(MeasureError, match=r"dropout.*one_shot"):
        DifferentiableSupernet(space, DATA)
