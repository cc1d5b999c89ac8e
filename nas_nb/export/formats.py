"""A model in a file: Keras, SavedModel, LiteRT, ONNX; each is loaded again and compared."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nas_nb.errors import NasError, nearest, reason_of
from nas_nb.lazy import quiet_stderr
from nas_nb.record.files import given_path, writing

Samples = Any
"""An array (samples, ...), or such arrays by the names of a model's inputs."""

MOST_DIFFERENCE = 1e-5
SUFFIXES = (".keras", ".tflite", ".onnx")
_RECURRENT = ("RNN", "GRU", "LSTM", "SimpleRNN", "Bidirectional", "ConvLSTM2D")
_OPSET = 18
_LEFT_ALONE = "LiteRT leaves biases and layers of fewer than 1,024 weights in 32 bits"


class ExportError(NasError):
    """A model can't be had in a format, or what was written computes something else."""


@dataclass(frozen=True)
class SavedFile:
    """What was written.

    Attributes:
        path: The file, or a SavedModel's folder.
        size_bytes: Its size.
        difference: The largest difference of its outputs from the model's, relative to the largest
            output or 1, over the samples that it was compared on.
        note: What to know of it; "" for nothing.
    """

    path: Path
    size_bytes: int
    difference: float
    note: str = ""

    def __repr__(self) -> str:
        told = f" {self.note}" if self.note else ""
        return (
            f"{self.path}: {self.size_bytes / 1024:,.0f} KiB. Loaded again, its outputs differ "
            f"from the model's by {self.difference:.1e} at most.{told}"
        )


def save_model(
    model: keras.Model, path: str | Path, samples: Samples, *, quantize: bool = False
) -> SavedFile:
    """Writes a model in the format that the path's suffix names, loads it again, and compares.

    Layers that act in training alone, such as augmentation and dropout, are off in every format.

    Args:
        model: A built model.
        path: "model.keras", "model.tflite" (LiteRT), "model.onnx", or a folder (SavedModel).
        samples: Some samples, which both are asked for their outputs of.
        quantize: Whether a ".tflite" keeps layers of 1,024 weights or more in 8 bits: smaller, and
            less exact.

    Raises:
        ExportError: The format can't hold the model or needs an extra, the path can't be written,
            or the outputs differ from the model's by more than 1e-5 (where it is quantised, that
            is only told).
    """
    file = given_path(path, ExportError)
    suffix = file.suffix.lower()
    if suffix and suffix not in SUFFIXES:
        raise ExportError(
            f"Expected a path that ends in {', '.join(SUFFIXES)}, or a folder for a SavedModel. "
            f"Received: {str(path)!r}.{nearest(suffix, SUFFIXES)}"
        )
    if quantize and suffix != ".tflite":
        raise ExportError(f"Expected a '.tflite' to quantise. Received: {str(path)!r}.")
    if keras.backend.backend() != "tensorflow" and suffix != ".keras":
        raise ExportError(
            f"Expected Keras on TensorFlow to write {suffix or 'a SavedModel'}. Received: the "
            f"backend {keras.backend.backend()!r}. Save a '.keras', and convert it there."
        )
    foreign = not suffix and file.is_dir() and not (file / "saved_model.pb").exists()
    if foreign and any(file.iterdir()):
        raise ExportError(f"Expected a new folder for a SavedModel. Received: {file}, with files.")
    with writing(file, ExportError, folder=not suffix), _quiet():
        note, load = _WRITERS[suffix](model, file, samples, quantize)
        made = load()
        expected = _outputs(model(samples, training=False))
    difference = relative_difference(expected, made)
    if difference > MOST_DIFFERENCE and not quantize:
        raise ExportError(
            f"Expected {file} to compute what the model does, within {MOST_DIFFERENCE:g}. "
            f"Received: outputs that differ by {difference:.1e}. Take another format: '.keras' "
            "is exact."
        )
    parts = [file] if suffix else [part for part in file.rglob("*") if part.is_file()]
    return SavedFile(file, sum(part.stat().st_size for part in parts), difference, note)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hides what the converters say: what matters is compared."""
    told = logging.getLogger("absl")
    level = told.level
    told.setLevel(logging.ERROR)
    try:
        with quiet_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        told.setLevel(level)


def relative_difference(expected: npt.NDArray[Any], made: npt.NDArray[Any]) -> float:
    """Returns max |expected - made| / max(1, max |expected|); infinite for other shapes or NaN."""
    if expected.shape != made.shape:
        return float("inf")
    difference = np.abs(expected.astype("float64") - made.astype("float64")).max()
    relative = float(difference / max(1.0, float(np.abs(expected).max())))
    return relative if np.isfinite(relative) else float("inf")


Loader = Callable[[], npt.NDArray[Any]]
"""Loads what was written, and returns its outputs of the samples."""


def _write_keras(
    model: keras.Model, file: Path, samples: Samples, quantize: bool
) -> tuple[str, Loader]:
    build_optimizer(model)
    model.save(file)

    def load() -> npt.NDArray[Any]:
        return _outputs(keras.models.load_model(file)(samples, training=False))

    return "", load


def build_optimizer(model: keras.Model) -> None:
    """Gives the optimizer its variables: a file without them is loaded with a warning."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)


def _write_saved_model(
    model: keras.Model, file: Path, samples: Samples, quantize: bool
) -> tuple[str, Loader]:
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    # Keras's own export leaves augmentation on.
    archive.add_endpoint("serve", lambda x: model(x, training=False), [_signature(model)])
    try:
        archive.write_out(str(file), verbose=False)
    except tf.errors.OpError as error:  # what the system said, in TensorFlow's words
        raise OSError(error.message) from error

    def load() -> npt.NDArray[Any]:
        # What it was saved with: the model itself takes the whole numbers of tokens, too.
        kinds = keras.tree.map_structure(lambda one: one.dtype, _signature(model))
        given = keras.tree.map_structure(tf.convert_to_tensor, samples)
        loaded = tf.saved_model.load(str(file))
        return _outputs(loaded.serve(keras.tree.map_structure(_as_kind, given, kinds)))

    return "", load


def _as_kind(tensor: Any, kind: Any) -> Any:
    """Returns a tensor of another type; texts are of one already."""
    return tensor if tensor.dtype == kind else keras.ops.cast(tensor, kind.name)


def _write_litert(
    model: keras.Model, file: Path, samples: Samples, quantize: bool
) -> tuple[str, Loader]:
    import tensorflow as tf

    _refuse_text(model, "LiteRT")
    single = any(type(layer).__name__ in _RECURRENT for layer in model._flatten_layers())  # noqa: SLF001
    signature = _signature(model, 1 if single else None)
    function = tf.function(lambda x: model(x, training=False), input_signature=[signature])
    # Without the model beside it: then its variables would be left out of loops.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    if quantize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        converted = converter.convert()
    except Exception as error:
        raise ExportError(f"LiteRT can't hold this model: {reason_of(error)}") from error
    file.write_bytes(converted)
    notes = ["It takes one sample at a time."] if single else []
    notes += [_bits_text(file)] if quantize else []
    return " ".join(notes), lambda: _run_litert(file, samples, single=single)


def _interpreter(file: Path) -> Any:
    try:
        made = import_module("ai_edge_litert.interpreter").Interpreter
    except ImportError:
        import tensorflow as tf

        made = tf.lite.Interpreter
    return made(model_path=str(file))


def _bits_text(file: Path) -> str:
    """Says how many of a LiteRT file's weights have 8 bits."""
    interpreter, counts = _interpreter(file), {"int8": 0, "float32": 0}
    for tensor in interpreter.get_tensor_details():
        kind = np.dtype(tensor["dtype"]).name
        if kind in counts:
            try:
                counts[kind] += interpreter.get_tensor(tensor["index"]).size
            except (
                ValueError
            ):  # it is computed: before memory is given out only weights have values
                continue
    whole = sum(counts.values())
    if not counts["int8"]:
        return f"None of its {whole:,} weights has 8 bits: {_LEFT_ALONE}."
    if not counts["float32"]:
        return "Its weights have 8 bits."
    return f"{counts['int8']:,} of its {whole:,} weights have 8 bits: {_LEFT_ALONE}."


def _run_litert(file: Path, samples: Samples, *, single: bool) -> npt.NDArray[Any]:
    interpreter = _interpreter(file)
    rows = len(keras.tree.flatten(samples)[0])
    batches = [slice(at, at + 1) for at in range(rows)] if single else [slice(None)]
    inputs = interpreter.get_input_details()
    made = []
    for batch in batches:
        parts = [np.asarray(_named(one["name"], samples)[batch], one["dtype"]) for one in inputs]
        for one, part in zip(inputs, parts, strict=True):
            interpreter.resize_tensor_input(one["index"], part.shape)
        interpreter.allocate_tensors()
        for one, part in zip(inputs, parts, strict=True):
            interpreter.set_tensor(one["index"], part)
        interpreter.invoke()
        made.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    return np.concatenate(made)


def _write_onnx(
    model: keras.Model, file: Path, samples: Samples, quantize: bool
) -> tuple[str, Loader]:
    _refuse_text(model, "ONNX")
    tf2onnx, runtime = _extra("tf2onnx"), _extra("onnxruntime")
    with TemporaryDirectory() as folder:
        _write_saved_model(model, Path(folder), samples, quantize)
        try:
            # Not its public `from_keras`: that loses the constants of `Normalization`.
            graph, inputs, outputs = import_module("tf2onnx.tf_loader").from_saved_model(
                folder, None, None
            )
            # Nor `convert`'s public ways, which don't know the operation in TensorFlow's `gelu`.
            converted, _ = import_module("tf2onnx.convert")._convert_common(  # noqa: SLF001
                graph,
                name=file.stem,
                opset=_OPSET,
                input_names=inputs,
                output_names=outputs,
                custom_op_handlers={"Erfc": (_one_minus_erf, [])},
            )
        except Exception as error:
            raise ExportError(
                f"tf2onnx {tf2onnx.__version__} can't convert this model: {reason_of(error)}"
            ) from error
    file.write_bytes(converted.SerializeToString())

    def load() -> npt.NDArray[Any]:
        session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        fed = {}
        for wanted in session.get_inputs():
            kind = "int32" if wanted.type == "tensor(int32)" else "float32"
            fed[wanted.name] = np.asarray(_named(wanted.name, samples), kind)
        return np.asarray(session.run(None, fed)[0])

    return "", load


def _one_minus_erf(context: Any, node: Any, name: str, args: Any) -> None:
    """Writes erfc(x) as 1 - erf(x)."""
    kind = import_module("tf2onnx.utils").map_onnx_to_numpy_type(context.get_dtype(node.input[0]))
    shapes, dtypes = [context.get_shape(node.output[0])], [context.get_dtype(node.output[0])]
    erf = context.make_node("Erf", [node.input[0]], shapes=shapes, dtypes=dtypes)
    one = context.make_const(f"{name}_one", np.array(1, kind))
    context.remove_node(node.name)
    context.make_node(
        "Sub",
        [one.output[0], erf.output[0]],
        name=name,
        outputs=[node.output[0]],
        shapes=shapes,
        dtypes=dtypes,
    )


_WRITERS = {
    "": _write_saved_model,
    ".keras": _write_keras,
    ".tflite": _write_litert,
    ".onnx": _write_onnx,
}


def _signature(model: keras.Model, rows: int | None = None) -> Any:
    """Returns what the model's inputs are, for `rows` samples at a time."""
    import tensorflow as tf

    def one(tensor: Any) -> Any:
        shape = (tensor.shape[0] or rows, *tensor.shape[1:])
        return tf.TensorSpec(shape, tensor.dtype, name=tensor.name)

    structure = getattr(model, "_inputs_struct", None)
    return keras.tree.map_structure(one, model.inputs[0] if structure is None else structure)


def _named(name: str, samples: Samples) -> Any:
    """Returns the samples of an input, whose name the converters write with more around it."""
    if not isinstance(samples, Mapping):
        return samples
    found = [array for given, array in samples.items() if given in name]
    return found[0] if found else next(iter(samples.values()))


def _outputs(made: Any) -> npt.NDArray[Any]:
    first = next(iter(made.values())) if isinstance(made, Mapping) else made
    return np.asarray(keras.ops.convert_to_numpy(first))


def _refuse_text(model: keras.Model, name: str) -> None:
    if any(tensor.dtype == "string" for tensor in model.inputs):
        raise ExportError(
            f"{name} has no operations on text: save the model that takes numbers (raw=False), or "
            "a '.keras' file or a folder, which hold the text layers, too."
        )


def _extra(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ExportError(
            f"Expected {name} to write ONNX. Received: it can't be imported ({error}). Install "
            'the extra: pip install "nas_nb[export]".'
        ) from error
