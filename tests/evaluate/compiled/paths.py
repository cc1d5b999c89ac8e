"""Trains the same candidate by the engine and by `fit`, for tests that compare the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from nas_nb.evaluate.backend import optimizer_variables
from nas_nb.evaluate.compiled.program import device_set
from nas_nb.evaluate.compiled.trace_cache import TraceCache
from nas_nb.evaluate.compiled.training import Schedule, train_compiled

ROWS, BATCH, EPOCHS = 74, 8, 2  # twenty steps, the last batch of an epoch is partial


class Free:
    """A control that lets everything pass."""

    def checkpoint(self) -> bool:
        return False


def images(classes: int = 3, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.random((ROWS, 6, 6, 1), dtype=np.float32), rng.integers(0, classes, ROWS)


def vectors(width: int = 5, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, width)).astype(np.float32)
    return x, (x @ np.ones((width, 1), np.float32)) / width


def by_engine(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    cache: TraceCache | None = None,
    sample_weight: Any = None,
    epochs: int = EPOCHS,
    **more: Any,
) -> tuple[list[dict[str, float]], Any]:
    logs: list[dict[str, float]] = []
    data = device_set(x, y, sample_weight)
    schedule = Schedule(data, device_set(x, y), epochs, BATCH, BATCH, shuffle=False, **more)
    outcome = train_compiled(
        model,
        schedule,
        on_epoch=lambda epoch, seen, duration_s: logs.append(dict(seen)),
        control=Free(),
        cache=TraceCache() if cache is None else cache,
    )
    return logs, outcome


def by_fit(
    model: keras.Model, x: Any, y: Any, *, sample_weight: Any = None, epochs: int = EPOCHS
) -> list[dict[str, float]]:
    history = model.fit(
        x,
        y,
        sample_weight=sample_weight,
        batch_size=BATCH,
        epochs=epochs,
        shuffle=False,
        validation_data=(x, y),
        validation_batch_size=BATCH,
        verbose=0,
    ).history
    return [{name: values[e] for name, values in history.items()} for e in range(epochs)]


def assert_same(
    build: Callable[[], keras.Model],
    x: Any,
    y: Any,
    *,
    cache: TraceCache | None = None,
    sample_weight: Any = None,
    tolerance: float = 1e-5,
) -> Any:
    """Asserts that both paths agree in logs, weights and optimizer state; returns the outcome."""
    ours, theirs = build(), build()
    for mine, other in zip(ours.variables, theirs.variables, strict=True):
        other.assign(mine)
    # Built after the weights are equal: some optimizers begin with a copy of them.
    for model in (ours, theirs):
        model.optimizer.build(model.trainable_variables)
    for mine, other in zip(optimizer_variables(ours), optimizer_variables(theirs), strict=True):
        other.assign(mine)
    logs, outcome = by_engine(ours, x, y, cache=cache, sample_weight=sample_weight)
    expected = by_fit(theirs, x, y, sample_weight=sample_weight)
    assert [list(epoch) for epoch in logs] == [list(epoch) for epoch in expected]
    for seen, wanted in zip(logs, expected, strict=True):
        for name, value in wanted.items():
            np.testing.assert_allclose(seen[name], value, rtol=tolerance, atol=tolerance)
    for mine, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=tolerance, atol=tolerance)
    states = zip(optimizer_variables(ours), optimizer_variables(theirs), strict=True)
    for mine, other in states:
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=tolerance, atol=tolerance)
    return outcome
