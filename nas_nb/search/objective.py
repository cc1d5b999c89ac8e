"""The objective of a search: what is compared, checked against what the candidates log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner as kt

from nas_nb.errors import SearchError, nearest

if TYPE_CHECKING:
    from nas_nb.data import Task
    from nas_nb.space.search_space import SearchSpace

_KNOWN = ("val_accuracy", "val_loss", "val_mae", "val_mse", "val_auc", "accuracy", "loss")
_LOGGING = ("fit", "train_step", "test_step", "compute_metrics", "get_metrics_result")


def as_objective(
    objective: str | kt.Objective | None, task: Task, space: SearchSpace | None = None
) -> kt.Objective:
    """Returns KerasTuner's objective; by default one that suits the task.

    Args:
        objective: A name in the logs, or an objective.
        task: The data's.
        space: A space that knows the data: the name has to be among what its models log, as far
            as that can be told without training one. Default: not checked.

    Raises:
        SearchError: It can't be told from the name whether more or less is better, or the
            candidates log nothing of that name.
    """
    if objective is None:
        return (
            kt.Objective("val_loss", "min")
            if task.has_quantities
            else kt.Objective("val_accuracy", "max")
        )
    if not isinstance(objective, str | kt.Objective):
        raise SearchError(
            f"Expected `objective` to be a name such as 'val_accuracy' or a `kt.Objective`. "
            f"Received: objective={objective!r}."
        )
    if space is not None:
        _check_logged(str(getattr(objective, "name", objective)), space)
    return objective if isinstance(objective, kt.Objective) else _directed(objective)


def _directed(name: str) -> kt.Objective:
    direction = kt.engine.metrics_tracking.infer_metric_direction(name)
    if direction is None:
        raise SearchError(
            f"It can't be told whether a higher '{name}' is better."
            f"{nearest(name, _KNOWN)} Choose one that is known, or pass "
            f"objective=keras_tuner.Objective('{name}', 'max') or 'min'."
        )
    return kt.Objective(name, direction)


def _check_logged(name: str, space: SearchSpace) -> None:
    """Refuses now what would fail in the first trial."""
    if name in ("loss", "val_loss"):
        return
    logged = _logged(space)
    if logged is not None and name not in logged:
        raise SearchError(
            f"Expected an objective that the candidates log: {', '.join(logged)}. "
            f"Received: objective={name!r}.{nearest(name, logged)}"
        )


def _logged(space: SearchSpace) -> list[str] | None:
    """Returns the names in the logs of the candidates, or None where only training them tells."""
    try:
        model = space.architecture(space.domain.complete({})).outline()
        measures = list(_measures(model))
    except Exception:  # noqa: BLE001 - whatever a candidate raises is its trial's reason
        return None
    if len(getattr(model, "outputs", None) or ()) != 1 or None in measures:
        return None
    if any(getattr(type(model), own) is not getattr(keras.Model, own) for own in _LOGGING):
        return None
    names = ["loss", *map(str, measures)]
    return [*names, *(f"val_{name}" for name in names)]


def _measures(model: keras.Model) -> Iterator[str | None]:
    """Yields the name of each metric that a model with one output was compiled with."""
    compiled = model.get_compile_config() or {}
    for given in (compiled.get("metrics"), compiled.get("weighted_metrics")):
        if isinstance(given, dict) and "class_name" not in given:
            yield None
            continue
        for each in _flat(given):
            yield each if isinstance(each, str) else _named(each)


def _flat(given: Any) -> list[Any]:
    if isinstance(given, list | tuple):
        return [one for each in given for one in _flat(each)]
    return [] if given is None else [given]


def _named(serialised: Any) -> str | None:
    config = serialised.get("config") if isinstance(serialised, dict) else None
    return config.get("name") if isinstance(config, dict) else config
