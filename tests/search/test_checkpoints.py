from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from nas_nb.record.history import History
from nas_nb.workers.checkpoints import CheckpointStore


def trained() -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    return model


@pytest.fixture
def checkpoints(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path, History(), kept=2)


def test_a_checkpoint_holds_the_weights_and_nothing_of_the_optimizer(
    checkpoints: CheckpointStore,
) -> None:
    model = trained()
    optimizer = model.optimizer
    name = checkpoints.save(model, [w + 1 for w in model.get_weights()], 3, 0.5)
    found: list[str] = []
    with h5py.File(checkpoints.folder / name) as file:
        file.visit(found.append)
    assert any(entry.startswith("layers/dense/vars") for entry in found)
    assert not any("optimizer" in entry for entry in found)
    assert model.optimizer is optimizer


def test_only_the_best_keep_their_files(checkpoints: CheckpointStore) -> None:
    model = trained()
    names = [
        checkpoints.save(model, model.get_weights(), number, score)
        for number, score in enumerate([0.4, 0.3, 0.2])
    ]
    checkpoints.prune()
    assert {file.name for file in checkpoints.folder.iterdir()} == set(names[:2])
