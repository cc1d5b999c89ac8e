"""What can't be described or copied is traced for its trial alone, and trained as in `fit`."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from keras import layers

from nas_nb.evaluate.compiled.signature import signature
from nas_nb.evaluate.compiled.trace_cache import TraceCache
from tests.evaluate.compiled.paths import assert_same, by_engine, by_fit, vectors

pytestmark = pytest.mark.tensorflow


class Absolute(keras.regularizers.Regularizer):
    def __call__(self, x: Any) -> Any:
        return 0.01 * keras.ops.sum(keras.ops.abs(x))


def chain(metrics: Any = None, regularizer: Any = None) -> keras.Model:
    hidden = layers.Dense(4, kernel_regularizer=regularizer)
    model = keras.Sequential([keras.Input((5,)), hidden, layers.Dense(1)])
    model.compile("sgd", "mse", metrics=metrics)
    return model


def with_lambda_metric() -> keras.Model:
    mean = keras.metrics.MeanMetricWrapper(lambda y, p: keras.ops.mean(p, axis=-1), name="mean")
    return chain([mean])


def with_metrics_of_another_compile() -> keras.Model:
    model = chain(["mae"])
    given = [metric for metric in model.metrics if metric.name != "loss"]  # as KerasTuner does
    model.compile("sgd", "mse", metrics=given)
    return model


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: chain(regularizer=Absolute()), "(Dense) can't be written as a config"),
        (with_lambda_metric, "can't be copied"),
    ],
)
def test_what_has_no_config_agrees_with_fit_and_says_why_it_is_alone(
    build: Any, words: str
) -> None:
    cache = TraceCache()
    outcome = assert_same(build, *vectors(), cache=cache)
    assert outcome.note.startswith("traced for this trial alone: ")
    assert words in outcome.note
    assert "\n" not in outcome.note
    assert len(cache) == 0


def test_metrics_that_kerastuner_passes_on_have_the_names_and_values_of_fit() -> None:
    ours, theirs = with_metrics_of_another_compile(), with_metrics_of_another_compile()
    theirs.set_weights(ours.get_weights())
    logs, outcome = by_engine(ours, *vectors(), epochs=1)
    assert "CompileMetrics can't be written as a config" in outcome.note
    # Keras sorts them by the name of what holds them, which is not shown.
    assert logs[0] == pytest.approx(by_fit(theirs, *vectors(), epochs=1)[0], rel=1e-5)


def test_a_metric_with_a_config_is_shared() -> None:
    cache = TraceCache()
    for _ in range(2):
        _, outcome = by_engine(chain([keras.metrics.MeanSquaredError()]), *vectors(), cache=cache)
        assert outcome.note is None
    assert (cache.traced, cache.reused) == (1, 1)


def test_a_loss_whose_helper_was_edited_is_another() -> None:
    scope: dict = {}
    exec("def helper(e): return e**2\ndef loss(y, p): return helper(y - p)", scope)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("adam", scope["loss"])
    before = signature(model, "data").key
    assert signature(model, "data").key == before
    exec("def helper(e): return abs(e)", scope)
    assert signature(model, "data").key != before


def test_losses_that_differ_in_what_their_config_leaves_out_are_trained_as_they_are() -> None:
    def made(delta: float) -> keras.Model:
        model = keras.Sequential([keras.Input((5,)), layers.Dense(4), layers.Dense(1)])
        cosine = keras.metrics.CosineSimilarity(axis=0, name="cosine")
        model.compile("sgd", keras.losses.Huber(delta), metrics=[cosine])
        return model

    cache = TraceCache()
    for delta in (1.0, 0.1):
        assert_same(lambda delta=delta: made(delta), *vectors(), cache=cache)
    assert cache.traced == 2
