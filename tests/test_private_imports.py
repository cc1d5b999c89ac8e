"""What we rely on of names that Keras, KerasTuner and TensorFlow do not promise."""

from __future__ import annotations

import ast
import gc
import random
import threading
import weakref
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

from nas_nb import private_imports

PRIVATE_LINES = ("from keras", "from tensorflow")
PRIVATE = ("keras.src", "keras_tuner.src", "tensorflow.python", "tensorflow.core", "jax._src")


def private_names(file: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        found += [name for name in modules if name.startswith(PRIVATE)]
    return found


def test_no_other_module_imports_a_private_name(root: Path) -> None:
    files = {file: private_names(file) for file in (root / "nas_nb").rglob("*.py")}
    holding = sorted(file.name for file, names in files.items() if names)
    assert holding == ["private_imports.py"]


def test_each_private_name_has_a_reason_beside_it(root: Path) -> None:
    text = (root / "nas_nb" / "private_imports.py").read_text()
    lines = [line.strip() for line in text.splitlines()]
    imports = [at for at, line in enumerate(lines) if line.startswith(PRIVATE_LINES)]
    assert imports
    assert all(lines[at - 1].startswith(("# ", "from ")) for at in imports)


def test_automatic_names_are_counted_for_each_thread() -> None:
    state = private_imports.global_state
    seen: list[Any] = []
    keras.layers.Identity()
    reader = threading.Thread(
        target=lambda: seen.append(state.get_global_attribute("object_name_uids"))
    )
    reader.start()
    reader.join()
    assert state.get_global_attribute("object_name_uids")["identity"] > 0
    assert seen == [None]


def test_settings_are_read_by_functions_from_variables_of_their_module() -> None:
    config = private_imports.keras_config
    for name in ("floatx", "epsilon", "image_data_format"):
        assert getattr(keras.config, name) is getattr(config, name)
        assert getattr(config, name)() == getattr(config, f"_{name.upper()}")
    private_imports.global_state.set_global_attribute("mine", 1)
    keras.utils.clear_session()
    assert private_imports.global_state.get_global_attribute("mine") is None


def test_default_seeds_come_from_the_modules_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_imports.seed_generator, "python_random", random.Random(5))
    first = keras.initializers.GlorotUniform().seed
    monkeypatch.setattr(private_imports.seed_generator, "python_random", random.Random(5))
    assert keras.initializers.GlorotUniform().seed == first


def test_an_adapter_weighs_classes_and_keeps_types() -> None:
    x, y = np.zeros((3, 2)), np.array([0, 1, 1])
    adapter = private_imports.ArrayDataAdapter(x, y, class_weight={0: 1.0, 1: 4.0})
    arrays = private_imports.convert_to_sliceable(adapter._inputs, target_backend="tensorflow")
    assert [array.dtype.name for array in arrays] == ["float32", "int64", "float32"]
    assert arrays[2].tolist() == [1.0, 4.0, 4.0]


def test_a_split_leaves_the_last_rows_for_validation() -> None:
    split = private_imports.train_validation_split
    (kept,), (held,) = split((np.arange(10),), validation_split=0.3)
    assert (kept.tolist(), held.tolist()) == ([0, 1, 2, 3, 4, 5, 6], [7, 8, 9])


@pytest.mark.filterwarnings("ignore::DeprecationWarning:keras_tuner")
@pytest.mark.usefixtures("fresh_garbage")
def test_an_oracle_can_be_forgotten(tmp_path: Path) -> None:
    oracle = kt.oracles.RandomSearchOracle("loss", max_trials=1)
    oracle._set_project_dir(tmp_path, "p")
    oracle.create_trial("tuner")
    held = private_imports.kt_oracle
    assert oracle in held.LOCKS
    held.LOCKS.pop(oracle)
    held.THREADS.pop(oracle)
    kept = weakref.ref(oracle)
    del oracle
    gc.collect()
    assert kept() is None


def test_results_of_trials_are_checked() -> None:
    objective = kt.Objective("val_loss", "min")
    with pytest.raises(TypeError, match=r"HyperModel\.fit"):
        private_imports.tuner_utils.validate_trial_results("high", objective, "HyperModel.fit()")
    for name in ("TunerCallback", "SaveBestEpoch"):
        assert issubclass(getattr(private_imports.tuner_utils, name), keras.callbacks.Callback)


def test_a_layer_is_called_by_its_class_in_a_file_of_weights() -> None:
    assert private_imports.naming.to_snake_case("MaxPooling2D") == "max_pooling2d"
    assert private_imports.naming.to_snake_case("BatchNormalization") == "batch_normalization"


def test_a_condition_can_be_made() -> None:
    parent = private_imports.Parent("cell", ["gru"])
    assert parent.is_active({"cell": "gru"})
    assert not parent.is_active({"cell": "lstm"})


def test_a_models_parameters_are_counted() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    assert private_imports.maybe_compute_model_size(model) == 8


@pytest.mark.tensorflow
def test_tensorflows_context_chooses_an_executor_and_drops_kernels() -> None:
    eager = private_imports.context.context()
    before = eager.function_call_options
    config = private_imports.config_pb2.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    made = private_imports.context.FunctionCallOptions("SINGLE_THREADED_EXECUTOR", config)
    eager.function_call_options = made
    assert eager.function_call_options.executor_type == "SINGLE_THREADED_EXECUTOR"
    eager.function_call_options = before
    eager.clear_kernel_cache()
    assert callable(private_imports.device_lib.list_local_devices)


@pytest.mark.tensorflow
def test_a_custom_gradient_is_registered_when_it_is_traced() -> None:
    import tensorflow as tf

    @tf.custom_gradient
    def twice(x: Any) -> Any:
        return 2 * x, lambda upstream: 2 * upstream

    registered = private_imports.ops.gradient_registry._registry
    before = len(registered)
    graph = tf.function(twice).get_concrete_function(tf.TensorSpec([], tf.float32)).graph
    assert len(registered) == before + 1
    assert isinstance(graph, private_imports.func_graph.FuncGraph)
