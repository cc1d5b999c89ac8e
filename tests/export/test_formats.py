from __future__ import annotations

import os
import subprocess
import sys
import warnings
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
from tests.space.ready import datasets

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


READERS = {
    "model.keras": "import keras; out = keras.models.load_model(file)(x, training=False).numpy()",
    "model": "import tensorflow as tf; made = tf.saved_model.load(file); "
    "out = made.serve(x).numpy()",
    "model.tflite": "import tensorflow as tf; i = tf.lite.Interpreter(file); "
    "d = i.get_input_details()[0]['index']; i.resize_tensor_input(d, x.shape); "
    "i.allocate_tensors(); i.set_tensor(d, x); i.invoke(); "
    "out = i.get_tensor(i.get_output_details()[0]['index'])",
}


def test_a_trial_is_read_by_a_process_without_this_package(tmp_path: Path) -> None:
    data = datasets.images()
    space = nas.spaces.image(families="vgg", stages=1, blocks=1, widths=4, augmentations="flip")
    search = nas.Search(space, data, strategy="random", max_trials=1, epochs=1, directory=tmp_path)
    best = search.run().best
    x = np.asarray(data.x_test[:8], "float32")
    np.save(tmp_path / "x.npy", x)
    files = [file for file in FORMATS if file != "model.onnx"]
    script = f"import sys, numpy as np; x = np.load({str(tmp_path / 'x.npy')!r})\n"
    for number, file in enumerate(files):
        assert best.save(tmp_path / file).difference <= 1e-5
        script += f"file = {str(tmp_path / file)!r}; {READERS[file]}\n"
        script += f"np.save({str(tmp_path / f'out_{number}.npy')!r}, out)\n"
    script += "assert not [name for name in sys.modules if name.startswith('nas_nb')]\n"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=clean,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    expected = best.predict(x, classes=False)
    for number in range(len(files)):
        made = np.load(tmp_path / f"out_{number}.npy")
        assert relative_difference(expected, made) <= 1e-5, files[number]


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


def test_a_quantised_model_is_smaller_and_told_to_differ(tmp_path: Path) -> None:
    inputs = keras.Input((64,))
    model = keras.Model(inputs, layers.Dense(200, activation="tanh")(inputs))
    samples = np.random.default_rng(0).normal(size=(8, 64)).astype("float32")
    whole = save_model(model, tmp_path / "whole.tflite", samples)
    small = save_model(model, tmp_path / "small.tflite", samples, quantize=True)
    assert small.size_bytes < 0.5 * whole.size_bytes
    assert 0 < small.difference < 0.1
    assert "8 bits" in repr(small)


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
        ("no/model.keras", "Make it"),
    ],
)
def test_a_path_that_does_not_fit_gets_a_sentence(tmp_path: Path, path: str, said: str) -> None:
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
