from __future__ import annotations

import keras
from hypothesis import given
from hypothesis import strategies as st

from nas_nb.evaluate.early_stopping import is_plateau


class Stub(keras.Model):
    pass


def epochs_with_keras(
    curve: list[float], patience: int, direction: str, min_delta: float
) -> int | None:
    callback = keras.callbacks.EarlyStopping(
        "score", patience=patience, mode=direction, min_delta=min_delta
    )
    model = Stub()
    model.stop_training = False
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(curve):
        callback.on_epoch_end(epoch, {"score": value})
        if model.stop_training:
            return epoch + 1
    return None


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.5]), max_size=12),
    st.integers(1, 4),
    st.sampled_from(["max", "min"]),
    st.sampled_from([0.0, 0.1]),
)
def test_a_curve_ends_where_keras_ends_it(
    curve: list[float], patience: int, direction: str, min_delta: float
) -> None:
    ours = next(
        (
            epochs
            for epochs in range(1, len(curve) + 1)
            if is_plateau(curve[:epochs], patience, direction=direction, min_delta=min_delta)
        ),
        None,
    )
    assert ours == epochs_with_keras(curve, patience, direction, min_delta)
