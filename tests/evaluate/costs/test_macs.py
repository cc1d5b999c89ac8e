from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from nas_nb.errors import MeasureError
from nas_nb.evaluate.costs import costs, graph_multiply_adds, macs, without_weights


def model_of(shape: tuple[int | None, ...], *stack: keras.layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *stack])


def test_a_dense_net_costs_the_products_of_its_widths():
    model = model_of((7,), layers.Dense(5, activation="relu"), layers.Dense(3))
    assert macs(model) == 7 * 5 + 5 * 3


@pytest.mark.parametrize(
    ("name", "size", "published", "within"),
    [
        # Sandler et al. 2018, table 4: 300 M. Howard et al. 2017, table 8: 569 M.
        ("MobileNetV2", 224, 300e6, 0.005),
        ("MobileNet", 224, 569e6, 0.005),
        # He et al. 2016, table 1: 3.8 G. Simonyan and Zisserman's VGG-16, by the same: 15.3 G for
        # its convolutions, to which its three dense layers add 124 M.
        ("ResNet50", 224, 3.8e9, 0.02),
        ("VGG16", 224, 15.3e9 + 0.124e9, 0.005),
    ],
)
def test_macs_agree_with_published_figures(name: str, size: int, published: float, within: float):
    with without_weights():
        model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3))
    assert macs(model) == pytest.approx(published, rel=within)


LAYERS = {
    "Dense": ((5, 4), lambda: layers.Dense(3)),
    "EinsumDense": ((5, 4), lambda: layers.EinsumDense("abc,cd->abd", (5, 3))),
    "EinsumDense, any rank": ((5, 4), lambda: layers.EinsumDense("...x,xy->...y", 3)),
    "EinsumDense, two sums": ((5, 4), lambda: layers.EinsumDense("abc,bcd->ad", 3)),
    "Conv1D": ((9, 2), lambda: layers.Conv1D(3, 4, strides=2)),
    "Conv1D, causal": ((9, 2), lambda: layers.Conv1D(3, 4, padding="causal")),
    "Conv2D": ((9, 8, 2), lambda: layers.Conv2D(3, (3, 2), strides=2, padding="same")),
    "Conv3D": ((5, 5, 5, 2), lambda: layers.Conv3D(3, 2)),
    "Conv2DTranspose": ((4, 4, 2), lambda: layers.Conv2DTranspose(3, 3, strides=2)),
    "Conv3DTranspose": ((3, 3, 3, 2), lambda: layers.Conv3DTranspose(3, 2)),
    "DepthwiseConv2D": ((6, 6, 2), lambda: layers.DepthwiseConv2D(3, depth_multiplier=2)),
    "SeparableConv2D": ((6, 6, 2), lambda: layers.SeparableConv2D(5, 3, depth_multiplier=2)),
    "SeparableConv1D": ((6, 2), lambda: layers.SeparableConv1D(5, 3)),
    "SimpleRNN": ((4, 3), lambda: layers.SimpleRNN(5, unroll=True)),
    "LSTM": ((4, 3), lambda: layers.LSTM(5, unroll=True)),
    "GRU": ((4, 3), lambda: layers.GRU(5, unroll=True)),
    "Bidirectional": ((4, 3), lambda: layers.Bidirectional(layers.LSTM(5, unroll=True))),
    "TimeDistributed": ((4, 6, 6, 1), lambda: layers.TimeDistributed(layers.Conv2D(2, 3))),
    "BatchNormalization": ((6, 6, 2), layers.BatchNormalization),
    "MaxPooling2D": ((6, 6, 2), layers.MaxPooling2D),
    "Embedding": ((6,), lambda: layers.Embedding(10, 3)),
}


# JAX has no transposed convolution of volumes.
KINDS = [
    pytest.param(name, marks=pytest.mark.tensorflow) if name == "Conv3DTranspose" else name
    for name in LAYERS
]


@pytest.mark.parametrize("name", KINDS)
def test_each_rule_agrees_with_the_products_in_the_layers_graph(name: str):
    shape, make = LAYERS[name]
    layer = make()
    model = model_of(shape, layer)
    sample = keras.KerasTensor((1, *shape))
    assert macs(model) == graph_multiply_adds(layer, (sample,), {})


def test_a_loop_costs_its_steps_like_the_same_layer_unrolled():
    looped = model_of((7, 3), layers.GRU(4, return_sequences=True), layers.LSTM(2))
    assert macs(looped) == 7 * 3 * (3 * 4 + 4 * 4) + 7 * 4 * (4 * 2 + 2 * 2)


def test_a_convolutional_lstm_costs_its_kernels_at_every_place_and_step():
    for sequences in (True, False):
        model = model_of((3, 6, 6, 2), layers.ConvLSTM2D(4, 3, return_sequences=sequences))
        assert macs(model) == 3 * 4 * 4 * (9 * 2 * 16 + 9 * 4 * 16)


@pytest.mark.tensorflow
def test_attention_costs_its_projections_and_both_products_of_activations():
    query, value = keras.Input((5, 8)), keras.Input((7, 6))
    attention = layers.MultiHeadAttention(2, 3, value_dim=4)
    model = keras.Model([query, value], attention(query, value))
    symbols = [keras.KerasTensor((1, 5, 8)), keras.KerasTensor((1, 7, 6))]
    by_hand = 5 * 8 * 6 + 7 * 6 * 6 + 7 * 6 * 8 + 5 * 7 * 2 * (3 + 4) + 5 * 8 * 8
    assert macs(model) == by_hand == graph_multiply_adds(attention, tuple(symbols), {})


def test_a_layer_that_is_used_twice_costs_twice_and_nested_models_are_entered():
    inner = model_of((5,), layers.Dense(5))
    inputs = keras.Input((5,))
    model = keras.Model(inputs, layers.Add()([inner(inner(inputs)), inputs]))
    assert macs(model) == 2 * 25


def test_operations_between_layers_are_counted():
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, keras.ops.matmul(inputs, keras.ops.transpose(inputs, (0, 2, 1))))
    assert macs(model) == 5 * 5 * 4


@keras.saving.register_keras_serializable("test_macs")
class Doubled(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.once, self.again = layers.Dense(4), layers.Dense(4)

    def call(self, inputs):
        return self.again(self.once(inputs))


class Written(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.stack = [layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3)]

    def call(self, inputs):
        for layer in self.stack:
            inputs = layer(inputs)
        return inputs


def test_a_layer_of_the_users_own_is_counted_from_its_graph():
    assert macs(model_of((4,), layers.Dense(4), Doubled())) == 3 * 16


def test_a_subclassed_model_is_counted_from_its_graph_when_its_input_is_known():
    model = Written()
    model(np.zeros((1, 6, 6, 1), "float32"))
    assert macs(model, (6, 6, 1)) == 16 * 9 * 2 + 32 * 3
    with pytest.raises(MeasureError, match="input_shape"):
        macs(model)


@pytest.mark.parametrize("stack", ["chain", "own layer"])
def test_a_model_without_weights_costs_what_it_would_with_them(stack: str):
    def build() -> keras.Model:
        middle = layers.Conv2D(3, 3) if stack == "chain" else Doubled()
        return model_of((6, 6, 2), middle, layers.Flatten(), layers.Dense(2))

    with without_weights():
        planned = build()
    assert macs(planned) == macs(build())


def test_an_open_dimension_is_filled_in_by_input_shape():
    model = model_of((None, 3), layers.Conv1D(4, 2), layers.GlobalMaxPooling1D(), layers.Dense(2))
    assert macs(model, (10, 3)) == 9 * 2 * 3 * 4 + 8
    with pytest.raises(MeasureError, match="input_shape"):
        macs(model)


class Looping(layers.Layer):
    def call(self, inputs):
        return keras.ops.fori_loop(0, 3, lambda _, x: keras.ops.matmul(x, x), inputs)


@pytest.mark.tensorflow
def test_a_loop_of_the_users_own_is_not_guessed_and_costs_leave_it_out():
    model = model_of((4, 4), Looping())
    with pytest.raises(MeasureError, match="While"):
        macs(model)
    assert costs(model) == {"params": 0}
    assert costs(model_of((4,), layers.Dense(2))) == {"params": 10, "macs": 8}
