"""The variables of an optimizer: slots, step, learning rate, and what Keras leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras


def listed_variables(model: keras.Model) -> list[Any]:
    """Returns a model's variables and, if it was compiled, those that its optimizer lists."""
    # Keras gives a model this attribute when it is compiled, not before.
    optimizer = getattr(model, "optimizer", None)
    return [*model.variables, *([] if optimizer is None else optimizer.variables)]


def optimizers(model: keras.Model) -> list[Any]:
    """Returns the optimizer and, behind a loss scale, the one that it wraps."""
    optimizer = model.optimizer
    inner = getattr(optimizer, "inner_optimizer", None)
    return [optimizer] if inner is None else [optimizer, inner]


def optimizer_variables(model: keras.Model) -> list[Any]:
    """Returns all variables of a built optimizer, those included that Keras does not list.

    Nadam's running product and Adafactor's placeholders are state that `optimizer.variables` omits.
    """
    seen = {id(v) for v in model.variables}
    found = []
    for variable in _held(optimizers(model)):
        if id(variable) not in seen:
            seen.add(id(variable))
            found.append(variable)
    return found


def _held(held: list[Any]) -> Iterator[Any]:
    for optimizer in held:
        yield from optimizer._variables  # noqa: SLF001 - `variables` omits some
        for name in sorted(vars(optimizer)):
            value = vars(optimizer)[name]
            for each in value if isinstance(value, list | tuple) else (value,):
                if isinstance(each, keras.Variable):
                    yield each
