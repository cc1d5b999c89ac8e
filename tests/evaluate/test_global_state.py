from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import pytest

from nas_nb.evaluate.global_state import KerasSettings
from nas_nb.workers.control import SearchState
from tests.search.tiny import tiny_search


@pytest.fixture(autouse=True)
def _settings_as_before() -> Iterator[None]:
    floatx, epsilon = keras.config.floatx(), keras.config.epsilon()
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_epsilon(epsilon)
    keras.config.set_dtype_policy(policy)


def disturb() -> None:
    """What another cell may do."""
    keras.utils.clear_session(free_memory=False)
    keras.config.set_floatx("float64")
    keras.config.set_epsilon(0.1)
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.utils.set_random_seed(1)


def seen() -> list[Any]:
    layer = keras.layers.Dense(1)
    return [layer.name, layer.variable_dtype, keras.config.floatx(), keras.config.epsilon()]


def test_a_thread_keeps_its_names_and_settings_whatever_others_do() -> None:
    go, done, found = threading.Event(), threading.Event(), []
    settings = KerasSettings.current()

    def work() -> None:
        with settings.kept():
            found.append(seen())
            with keras.name_scope("outer"):  # Keras keeps the scope in its state
                done.set()
                go.wait(60)
            found.append(seen())

    worker = threading.Thread(target=work)
    worker.start()
    done.wait(60)
    disturb()
    go.set()
    worker.join(60)
    assert found == [
        ["dense", "float32", "float32", 1e-07],
        ["dense_1", "float32", "float32", 1e-07],
    ]
    assert seen()[1:] == ["float32", "float64", 0.1]  # and the other cell has what it set


def test_a_session_that_is_cleared_inside_keeps_the_policy() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    with KerasSettings.current().kept():
        keras.layers.Dense(1)
        keras.utils.clear_session()
        layer = keras.layers.Dense(1)
        assert (layer.name, layer.compute_dtype) == ("dense", "bfloat16")
    assert keras.config.dtype_policy().name == "mixed_bfloat16"


def test_the_block_leaves_no_trace_in_the_users_state() -> None:
    first = keras.layers.Dense(1).name
    with KerasSettings.current().kept():
        keras.layers.Dense(1)
        keras.config.set_dtype_policy("mixed_bfloat16")
    count = int(first.removeprefix("dense").removeprefix("_") or 0)
    assert keras.layers.Dense(1).name == f"dense_{count + 1}"
    assert keras.config.dtype_policy().name == "float32"


def test_a_search_comes_out_the_same_whatever_other_cells_do(tmp_path: Path) -> None:
    quiet = tiny_search(tmp_path / "quiet", max_trials=4, epochs=2, seed=0)
    quiet.run()
    disturbed = tiny_search(tmp_path / "disturbed", max_trials=4, epochs=2, seed=0)
    disturbed.start()
    while disturbed.state == SearchState.RUNNING:
        disturb()
    disturbed.wait()
    assert [trial.reason for trial in disturbed.history] == [None] * 4
    assert [t.score for t in disturbed.history] == [t.score for t in quiet.history]
