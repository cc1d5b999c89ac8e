from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import nas_nb as nas
from nas_nb.evaluate.global_state import seeded
from nas_nb.export import formats
from nas_nb.export.formats import ExportError, relative_difference, save_model
from tests.spaces.ready import datasets

pytestmark = pytest.mark.tensorflow

FORMATS = ("model.keras", "model.tflite", "model.onnx", "model")


def needs(file: str) -> None:
    if file.endswith(".onnx"):
        pytest.importorskip("tf2onnx")
        pytest.importorskip("onnxruntime")


def images() -> tuple[keras.Model, Any]:
    """A net with all that one of the formats has trouble with, but for texts and recurrence."""
    inputs = keras.Input((8, 8, 1))
    x = layers.RandomFlip()(layers.Normalization(mean=[0.3], variance=[0.2])(inputs))
    x = layers.BatchNormalization()(layers.Conv2D(3, 3, activation="gelu")(x))
    x = layers.Dense(3, activation="softmax")(layers.Dropout(0.5)(layers.Flatten()(x)))
    return keras.Model(inputs, x), np.random.default_rng(0).random((8, 8, 8, 1), "float32")


def tokens() -> tuple[keras.Model, Any]:
    inputs = keras.Input((6,), dtype="int32")
    x = layers.GRU(4)(layers.Embedding(9, 4)(inputs))
    return keras.Model(inputs, layers.Dense(2)(x)), np.arange(48, dtype="int32").reshape(8, 6) % 9


@pytest.mark.parametrize("file", FORMATS)
@pytest.mark.parametrize("make", [images, tokens])
def test_each_format_computes_what_the_model_does(tmp_path: Path, file: str, make: Any) -> None:
    needs(file)
    with seeded(0):
        model, samples = make()
    saved = save_model(model, tmp_path / file, samples)
    assert saved.difference <= 1e-5
    assert saved.size_bytes > 1000
    assert saved.path.exists()
    single = file == "model.tflite" and make is tokens
    assert ("one sample at a time" in repr(saved)) == single


READER = """
import json, sys
import numpy as np

def keras_file(file, x):
    import keras
    return keras.models.load_model(file)(x, training=False).numpy()

def saved_model(file, x):
    import tensorflow as tf
    made = tf.saved_model.load(file)
    return made.serve(x.astype("float32")).numpy()

def litert(file, x):
    import tensorflow as tf
    made = tf.lite.Interpreter(file)
    given, got = made.get_input_details()[0], made.get_output_details()[0]
    rows = []
    for row in x:  # recurrent nets take one sample at a time
        made.resize_tensor_input(given["index"], (1, *x.shape[1:]))
        made.allocate_tensors()
        made.set_tensor(given["index"], row[None].astype(given["dtype"]))
        made.invoke()
        rows.append(made.get_tensor(got["index"]))
    return np.concatenate(rows)

def onnx(file, x):
    import onnxruntime
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.astype("float32")})[0]

readers = {".keras": keras_file, "": saved_model, ".tflite": litert, ".onnx": onnx}
for suffix, file, samples, out in json.load(open("files.json")):
    np.save(out, readers[suffix](file, np.load(samples)))
assert not [name for name in sys.modules if name.startswith("nas_nb")]
"""

SMALLEST: dict[str, tuple[Any, dict[str, Any]]] = {
    "image": (datasets.images, {"stages": 1, "blocks": 1, "widths": 4, "augmentations": "flip"}),
    "text": (datasets.texts, {"embeddings": 4, "widths": 4, "blocks": 1, "heads": 1}),
    "tabular": (datasets.table, {"depths": 1, "widths": 4}),
    "timeseries": (datasets.forecast, {"depths": 1, "widths": 4}),
    "macro": (datasets.images, {"layers": 1, "width": 4, "stages": 1}),
    "nasbench101_cell": (datasets.images, {"width": 4, "stages": 1, "nodes": 3}),
    "nasbench201_cell": (datasets.images, {"width": 4, "stages": 1, "nodes": 2}),
    "darts_cell": (datasets.images, {"layers": 1, "width": 2, "nodes": 1}),
}


def members() -> Iterator[tuple[str, keras.Model, Any, tuple[str, ...]]]:
    """The smallest net of each ready space; of one with families one each, as `.keras` alone."""
    extras = [".onnx"] if find_spec("tf2onnx") and find_spec("onnxruntime") else []
    for name, (make, options) in SMALLEST.items():
        data = make()
        space = getattr(nas.spaces, name)(**options).for_data(data.spec)
        family = next((p for p in space.domain.parameters if p.name == "family"), None)
        for number, chosen in enumerate(family.choices if family else [None]):
            values = {} if chosen is None else {"family": chosen}
            model = space.build_values(space.domain.complete(values))
            suffixes = (".keras", *((), ("", ".tflite", *extras))[number == 0])
            yield f"{name}-{number}", model, data.x_test[:3], suffixes


@pytest.mark.timeout(600)  # two dozen files, each written, read here, and read there
def test_every_ready_space_is_read_by_one_process_without_this_package(tmp_path: Path) -> None:
    assert {*SMALLEST} == {*nas.spaces.__all__}
    asked, expected = [], {}
    with seeded(0):
        for name, model, samples, suffixes in members():
            np.save(tmp_path / f"{name}.npy", samples)
            for suffix in suffixes:
                file, out = f"{name}{suffix}", f"{name}{suffix}.out.npy"
                assert save_model(model, tmp_path / file, samples).difference <= 1e-5
                asked.append((suffix, file, f"{name}.npy", out))
                expected[out] = np.asarray(model(samples, training=False))
    (tmp_path / "files.json").write_text(json.dumps(asked))
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READER],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=clean,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    for out, outputs in expected.items():
        assert relative_difference(outputs, np.load(tmp_path / out)) <= 1e-5, out


@pytest.mark.parametrize("trained", [False, True])
def test_a_saved_model_loads_without_a_warning(tmp_path: Path, trained: bool) -> None:
    model, samples = images()
    model.compile("adam", "mse")
    if trained:
        model.fit(samples, np.zeros((8, 3)), verbose=0)
    save_model(model, tmp_path / "model.keras", samples)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keras.models.load_model(tmp_path / "model.keras")


def test_a_quantised_model_is_smaller_and_told_to_differ(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = keras.Input((64,))
    model = keras.Model(inputs, layers.Dense(3)(layers.Dense(200, activation="tanh")(inputs)))
    samples = np.random.default_rng(0).normal(size=(8, 64)).astype("float32")
    whole = save_model(model, tmp_path / "whole.tflite", samples)
    small = save_model(model, tmp_path / "small.tflite", samples, quantize=True)
    assert small.size_bytes < 0.5 * whole.size_bytes
    assert 0 < small.difference < 0.1
    assert "12,800 of its 13,400 weights have 8 bits: LiteRT leaves biases" in repr(small)
    assert not caplog.records  # a notebook would show them as errors


def test_it_says_where_nothing_is_large_enough_for_8_bits(tmp_path: Path) -> None:
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(3)(layers.Dense(8, activation="relu")(inputs)))
    model.set_weights([np.ones(w.shape) for w in model.get_weights()])
    small = save_model(model, tmp_path / "m.tflite", np.ones((2, 4), "float32"), quantize=True)
    assert small.note.startswith("None of its 67 weights has 8 bits: LiteRT leaves ")


def test_texts_go_where_their_layers_can(tmp_path: Path) -> None:
    data = datasets.texts()
    space = nas.spaces.text(families="embedding", embeddings=4, widths=4)
    search = nas.Search(space, data, strategy="random", max_trials=1, epochs=1, directory=tmp_path)
    best = search.run().best
    assert best.save(tmp_path / "model.keras", raw=True).difference <= 1e-5
    assert best.save(tmp_path / "model.tflite").difference <= 1e-5
    with pytest.raises(ExportError, match="LiteRT has no operations on text"):
        best.save(tmp_path / "raw.tflite", raw=True)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("model.h5", "a folder"),
        ("model.kers", "Did you mean '.keras'"),
        ("no/model.keras", "Make the folder"),
        ("file/model.keras", "A part of it is a file"),
        ("folder.tflite", "It is a folder: add the name of a file"),
        ("file", "It is a file: take the path of a folder"),
        ("file/saved", "A part of it is a file"),
        ("folder", "Expected a new folder for a SavedModel"),
    ],
)
def test_a_path_that_does_not_fit_gets_a_sentence(tmp_path: Path, path: str, said: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.tflite").mkdir()
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    with pytest.raises(ExportError, match=said):
        save_model(*images()[:1], tmp_path / path, images()[1])


def test_what_computes_something_else_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, samples = images()
    other = model(samples[::-1], training=False).numpy()
    monkeypatch.setitem(formats._WRITERS, ".keras", lambda *given: ("", lambda: other))
    with pytest.raises(ExportError, match="outputs that differ by"):
        save_model(model, tmp_path / "model.keras", samples)
    assert relative_difference(np.zeros(2), np.array([np.nan, 0])) == float("inf")


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ExportError, match=r'pip install "nas_nb\[export\]"'):
        save_model(*images()[:1], tmp_path / "model.onnx", images()[1])
