"""A script that builds and trains a model with plain Keras, in the order of samples of a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_DATA = """\
# The arrays that the search had, written by: numpy.savez("data.npz", **{{name: getattr(trial.data,
# name) for name in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test")}})
data = np.load("data.npz")
parts = {names}
x_train, y_train, x_val, y_val, x_test, y_test = (data[part] for part in parts)
"""
_LOADED = """\
import nas_nb as nas  # for the data alone

data = nas.load({arguments})
x_train, y_train, x_val, y_val, x_test, y_test = (getattr(data, part) for part in {names})
"""
_NAMES = '("x_train", "y_train", "x_val", "y_val", "x_test", "y_test")'
_TRAINING = '''\
# What Keras draws for initial weights and dropout, in the order in which it asks.
seeds = iter({seeds})
with patch("random.randint", lambda low, high: next(seeds)):
    model = build_model()


def order(epoch):
    """The rows of an epoch, shuffled as the search shuffled them."""
    key = tf.stack([tf.constant({seed}, tf.int64), epoch])
    rows = tf.random.experimental.stateless_shuffle(tf.range(len(x_train)), seed=key)
    return tf.data.Dataset.from_tensor_slices(rows).batch({batch_size})


def batch(rows):
    return tf.gather(x_train, rows), tf.gather(y_train, rows)


history = model.fit(
    tf.data.Dataset.counter().flat_map(order).map(batch).prefetch(2),
    epochs={epochs},
    steps_per_epoch=-(-len(x_train) // {batch_size}),
{validation}    verbose=2,
)
'''
_VALIDATION = """\
    validation_data=(x_val, y_val),
    validation_batch_size={validation_batch_size},
    callbacks=[
        keras.callbacks.EarlyStopping(
            {objective!r}, mode={mode!r}, patience={epochs}, restore_best_weights=True
        )
    ],
"""


@dataclass(frozen=True)
class TrainingPlan:
    """What the script is to do.

    Attributes:
        seed: Decides the order of samples.
        seeds: Decide initial weights and dropout, in the order in which they are asked for.
        epochs: Epochs that the trial was trained for.
        batch_size: Samples a batch.
        validation_batch_size: The same where the validation part is measured.
        objective: The name of what is compared.
        mode: "max" or "min".
        score: What the trial had; None where nothing was left to score it by.
        recipe: Arguments of `nas.load` for the data, or None.
        remarks: Why the script's score may be another, as sentences.
    """

    seed: int
    seeds: Sequence[int]
    epochs: int
    batch_size: int
    validation_batch_size: int
    objective: str
    mode: str
    score: float | None
    recipe: Mapping[str, Any] | None
    remarks: tuple[str, ...] = ()


def training_script(source: str, plan: TrainingPlan) -> str:
    """Returns the source of `build_model()` with the lines that train it as a trial was trained."""
    imports, _, build = source.partition("\n\n\n")
    arguments = {"names": _NAMES}
    if plan.recipe is None:
        data = _DATA.format(**arguments)
    else:
        given = ", ".join(f"{name}={value!r}" for name, value in plan.recipe.items())
        data = _LOADED.format(arguments=given, **arguments)
    fields = vars(plan)
    scored = plan.score is not None
    if not scored:
        for name in "xy":
            data += f"{name}_train = np.concatenate([{name}_train, {name}_val])\n"
    validation = _VALIDATION.format(**fields) if scored else ""
    training = _TRAINING.format(validation=validation, **fields)
    best = "max" if plan.mode == "max" else "min"
    end = f'print("{plan.objective}:", {best}(history.history["{plan.objective}"]))\n'
    told = [f"# In the search: {plan.objective} {plan.score:.6g}.\n"] if scored else []
    told += [f"# {remark}\n" for remark in plan.remarks]
    imports = (
        f"from unittest.mock import patch\n\nimport numpy as np\nimport tensorflow as tf\n{imports}"
    )
    ends = [*told, end if scored else "print(model.evaluate(x_test, y_test, verbose=0))\n"]
    return f"{imports}\n\n\n{build}\n\n{data}\n{training}{''.join(ends)}"
