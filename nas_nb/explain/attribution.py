"""Why a prediction: what each pixel, column or word adds to it, by several methods."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nas_nb.data.preprocessing import Table, Vocabulary
from nas_nb.errors import SearchError, nearest, shown
from nas_nb.evaluate.backend import gradients, require_tensorflow
from nas_nb.evaluate.global_state import isolated_seeds
from nas_nb.explain.mistakes import as_shares, sample_kind
from nas_nb.export.raw_input import model_input, model_outputs

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.search.trials import SearchTrial

Array = np.ndarray[Any, np.dtype[Any]]

MOST_SAMPLES = 16
_STEPS, _MOST_STEPS = 64, 1024  # of the path integral
_COMPLETE = 0.005  # half of the 1 % that is promised, so that rounding can't break the promise
_BACKGROUND = 100  # samples of SHAP
_PATCHES = 7  # a side of an image
_BATCH = 256  # rows
_DRAWS = 300  # perturbations of SHAP and LIME


class Attribution(NamedTuple):
    """What the parts of each sample add to its prediction.

    Attributes:
        method: Its name, one of `METHODS`.
        values: (samples, parts...): of images (samples, height, width), else one number a column,
            step or word; positive where a part speaks for the prediction.
        completeness: Relative error of the worst sample: |sum of values - d| / |d|, d being its
            prediction minus the average sample's; None where the method has no such axiom.
    """

    method: str
    values: Array
    completeness: float | None = None


class PredictionExplanation(NamedTuple):
    """Why a trial predicts what it does.

    Attributes:
        trial: Its number.
        kind: "image", "table", "series" or "text".
        samples: (samples, ...) as the model takes them.
        predicted: The predicted class of each sample, or its quantity, in words.
        shares: The probability of that class, or the quantity.
        parts: Names of the columns; words of each sample; empty for images and series.
        attributions: One for each method.
    """

    trial: int
    kind: str
    samples: Array
    predicted: tuple[str, ...]
    shares: tuple[float, ...]
    parts: tuple[tuple[str, ...], ...]
    attributions: tuple[Attribution, ...]

    def agreement(self) -> Array:
        """Returns Spearman's rank correlation of the methods' values, (methods, methods).

        It is the mean over samples; 1 where two methods rank all parts alike, whatever their
        scale; near 0 or below they disagree.
        """
        from scipy.stats import rankdata

        count = len(self.attributions)
        total: Array = np.zeros((count, count))
        for sample in range(len(self.samples)):
            rows = np.array([one.values[sample].ravel() for one in self.attributions])
            keep = np.abs(rows).sum(0) > 0  # padding says nothing to any method
            with np.errstate(invalid="ignore", divide="ignore"):
                if keep.sum() > 1:
                    ranks = np.corrcoef(rankdata(rows[:, keep], axis=1))
                    total += np.nan_to_num(np.atleast_2d(ranks))
        total /= len(self.samples)
        return total


class _Asked(NamedTuple):
    """What a method is asked: the model, samples, and for each sample the output to explain."""

    model: Any
    data: Data
    kind: str
    x: Array
    classes: Array
    baseline: Array

    def outputs(self, x: Array) -> Array:
        """Returns the numbers that are explained, of other samples."""
        return _outputs(self.model, self.data, x)


def explain_prediction(
    trial: SearchTrial, x: Any, method: str | Sequence[str] | None = None
) -> PredictionExplanation:
    """Explains predictions: the probability of the predicted class, or the (mean) quantity."""
    data, model = trial.data, trial.model()
    samples = model_input(x, data)
    if len(samples) > MOST_SAMPLES:
        raise SearchError(
            f"Expected at most {MOST_SAMPLES} samples. Received: {len(samples)}. Give a part of "
            f"them, as x[:4]."
        )
    kind = sample_kind(data)
    methods = _methods(method, kind, model)
    outputs = _outputs(model, data, samples)
    quantities = data.task.has_quantities
    classes = np.zeros(len(samples), int) if quantities else outputs.argmax(1)
    asked = _Asked(model, data, kind, samples, classes, _baseline(data, kind))
    with isolated_seeds():
        found = tuple(_METHODS[name](asked) for name in methods)
    shares = outputs[np.arange(len(samples)), classes]
    names = [f"{share:.4g}" for share in shares]
    if not quantities:
        names = [data.classes[number] for number in classes]
    return PredictionExplanation(
        trial.number,
        kind,
        samples,
        tuple(names),
        tuple(shares.tolist()),
        _part_names(data, kind, samples),
        found,
    )


def _outputs(model: Any, data: Data, x: Array) -> Array:
    """Returns probabilities, or quantities, (samples, outputs); two for a single sigmoid."""
    out: Array = model_outputs(model, x).astype(float).reshape(len(x), -1)
    if data.task.has_quantities:
        means: Array = out.mean(1, keepdims=True)
        return means
    shares: Array = as_shares(out, model)
    return np.concatenate([1 - shares, shares], 1) if shares.shape[1] == 1 else shares


def _baseline(data: Data, kind: str) -> Array:
    """Returns the average training sample, (...); padding for texts."""
    if kind == "text":
        return np.zeros(data.spec.input_shape, data.x_train.dtype)
    baseline: Array = np.asarray(data.x_train, "float32").mean(0)
    return baseline


def _methods(method: str | Sequence[str] | None, kind: str, model: Any) -> tuple[str, ...]:
    if method is None:
        return tuple(name for name in _CORE if not _misfit(name, kind, model))
    asked = tuple(method) if isinstance(method, (list, tuple)) else (method,)
    for name in asked or ("",):  # an empty list is refused, too
        if not isinstance(name, str) or name not in _METHODS:
            raise SearchError(
                f"Expected a method: {', '.join(_METHODS)}. Received: {shown(name)}."
                f"{nearest(str(name), _METHODS)}"
            )
        if why := _misfit(name, kind, model):
            raise SearchError(why)
    return asked


def _misfit(name: str, kind: str, model: Any) -> str:
    """Returns why a method does not fit, in a sentence; '' if it does."""
    if name == "integrated_gradients" and kind == "text":
        return (
            "Method 'integrated_gradients' needs inputs with a gradient. Received: texts, which "
            "are token numbers. Take 'occlusion', 'shap' or 'lime'."
        )
    if name == "grad_cam" and (kind != "image" or _last_maps(model) is None):
        return (
            "Method 'grad_cam' needs a model that ends in feature maps of images, of a "
            f"convolution. Received: {'a model without' if kind == 'image' else f'a {kind}'}. "
            "Take 'occlusion'."
        )
    if name == "lime" and kind == "series":
        return "Method 'lime' knows images, tables and texts. Received: a series. Take 'occlusion'."
    return ""


def _part_names(data: Data, kind: str, samples: Array) -> tuple[tuple[str, ...], ...]:
    if kind == "text":
        assert isinstance(data.raw, Vocabulary)
        known = ("", "?", *data.raw.words)
        return tuple(tuple(known[token] for token in row) for row in samples.astype(int))
    if kind != "table":
        return ()
    if isinstance(data.raw, Table):
        names = [
            f"{one.name}{f' {place}' if one.width > 1 else ''}"
            for one in data.raw.columns
            for place in range(one.width)
        ]
    else:
        names = [f"column {place}" for place in range(samples.shape[1])]
    return (tuple(names),) * len(samples)


def _integrated_gradients(asked: _Asked) -> Attribution:
    """Integrated gradients along the line from the average sample (Sundararajan 2017).

    The values of a sample sum to the difference of its prediction from the average sample's; steps
    are doubled until they do to 1 %.
    """
    found, gaps = [], []
    reached, start = asked.outputs(asked.x), asked.outputs(asked.baseline[None])[0]
    for sample, own, outputs in zip(asked.x.astype("float32"), asked.classes, reached, strict=True):
        wanted, steps = outputs[own] - start[own], _STEPS
        while True:
            values = _path_integral(asked, sample, int(own), steps)
            gap = abs(values.sum() - wanted) / max(abs(wanted), 1e-6)
            if gap <= _COMPLETE or steps >= _MOST_STEPS:
                break
            steps *= 2
        found.append(values.sum(-1) if asked.kind in ("image", "series") else values)
        gaps.append(gap)
    return Attribution("integrated_gradients", np.array(found), float(max(gaps)))


def _path_integral(asked: _Asked, sample: Array, own: int, steps: int) -> Array:
    import keras

    difference, total = sample - asked.baseline, np.zeros(sample.shape)
    shares = (np.arange(steps) + 0.5) / steps  # the midpoint rule
    for first in range(0, steps, _BATCH):
        alphas = shares[first : first + _BATCH].reshape(-1, *[1] * sample.ndim)
        points = (asked.baseline + alphas * difference).astype("float32")
        gradient = _gradient(asked, asked.model, keras.ops.convert_to_tensor(points), own)
        total += np.asarray(keras.ops.convert_to_numpy(gradient), dtype=float).sum(0)
    values: Array = total / steps * difference
    return values


def _explained(asked: _Asked, model: Any, tensor: Any, own: int) -> Any:
    """Returns the sum of the explained outputs of tensors, as one tensor."""
    import keras

    out = keras.ops.reshape(model(tensor, training=False), (tensor.shape[0], -1))
    if asked.data.task.has_quantities:
        return keras.ops.sum(keras.ops.mean(out, 1))
    loss = asked.model.loss
    if getattr(loss, "from_logits", False):
        single = out.shape[1] == 1 or "binary" in type(loss).__name__.lower()
        out = keras.ops.sigmoid(out) if single else keras.ops.softmax(out)
    if out.shape[1] == 1:
        return keras.ops.sum(out if own else 1 - out)
    return keras.ops.sum(out[:, own])


def _gradient(asked: _Asked, model: Any, tensor: Any, own: int) -> Any:
    """Returns the gradient of the explained outputs by a model's input."""
    (gradient,) = gradients(lambda values: _explained(asked, model, values[0], own), [tensor])
    return gradient


def _occlusion(asked: _Asked) -> Attribution:
    """How far the prediction falls without a part: patches of images, columns, steps, words.

    What is taken away becomes the average sample's, or padding (Zeiler & Fergus, 2014).
    """
    found = []
    for sample, own in zip(asked.x, asked.classes, strict=True):
        masks = _masks(asked, sample)
        hidden = np.where(_over(masks, sample), asked.baseline, sample).astype(asked.x.dtype)
        scores = asked.outputs(np.concatenate([sample[None], hidden]))[:, own]
        falls = scores[0] - scores[1:]
        found.append((falls.reshape(-1, *[1] * (masks.ndim - 1)) * masks).sum(0))
    return Attribution("occlusion", np.array(found))


def _masks(asked: _Asked, sample: Array) -> Array:
    """Returns a mask for each part, (parts, places...); they do not overlap."""
    parts = _segments(asked, sample)
    return np.array(parts == np.arange(parts.max() + 1).reshape(-1, *[1] * parts.ndim))


def _segments(asked: _Asked, sample: Array) -> Array:
    """Returns the part of each place: square patches of images, else a part each."""
    if asked.kind != "image":
        return np.arange(len(sample))
    height, width = sample.shape[:2]
    side = max(1, round(max(height, width) / _PATCHES))
    across = -(-width // side)
    rows, columns = np.arange(height)[:, None] // side, np.arange(width) // side
    parts: Array = rows * across + columns
    return parts


def _over(masks: Array, sample: Array) -> Array:
    """Returns the masks with the sample's last axes: channels and features go together."""
    return masks.reshape(*masks.shape, *[1] * (sample.ndim - masks.ndim + 1))


def _last_maps(model: Any) -> tuple[Any, Any] | None:
    """Returns the last layer of feature maps, and what follows it as a model; None without."""
    import keras

    for layer in reversed(getattr(model, "layers", [])):
        shape = getattr(getattr(layer, "output", None), "shape", ())
        if len(shape) != 4 or isinstance(layer, keras.layers.InputLayer) or 1 in shape[1:3]:
            continue
        try:
            return layer, keras.Model(layer.output, model.outputs[0])
        except (ValueError, KeyError):  # a branch goes past it
            continue
    return None


def _grad_cam(asked: _Asked) -> Attribution:
    """The last feature maps, weighted by the mean gradient of the prediction (Selvaraju 2017)."""
    import keras

    last = _last_maps(asked.model)
    assert last is not None
    layer, head = last
    maps_of = keras.Model(asked.model.inputs[0], layer.output)
    found = []
    for sample, own in zip(asked.x, asked.classes, strict=True):
        maps = maps_of(sample[None].astype("float32"), training=False)
        gradient = _gradient(asked, head, maps, int(own))
        weights = keras.ops.mean(gradient, axis=(1, 2), keepdims=True)
        seen = keras.ops.relu(keras.ops.sum(maps * weights, axis=-1, keepdims=True))
        large = keras.ops.image.resize(seen, sample.shape[:2], data_format="channels_last")
        found.append(np.asarray(keras.ops.convert_to_numpy(large), dtype=float)[0, :, :, 0])
    return Attribution("grad_cam", np.array(found))


def _shap(asked: _Asked) -> Attribution:
    """SHAP: expected gradients for numbers, permutations of words for texts.

    `DeepExplainer` is never used: after it meets a layer that it does not know, nothing can be
    trained in the process any more.
    """
    shap = _extra("shap")
    rng = np.random.default_rng(0)
    picked = rng.permutation(len(asked.data.x_train))[:_BACKGROUND]
    background = np.asarray(asked.data.x_train)[picked]
    with _quietly():
        if asked.kind == "text":
            return Attribution("shap", _shap_texts(shap, asked))
        require_tensorflow("shap's expected gradients", SearchError)
        explainer = shap.GradientExplainer(asked.model, background.astype("float32"))
        raw = np.asarray(
            explainer.shap_values(asked.x.astype("float32"), nsamples=_DRAWS, rseed=0), dtype=float
        )
    raw = raw.reshape(*asked.x.shape, -1)
    quantities, single = asked.data.task.has_quantities, raw.shape[-1] == 1
    values = []
    for number, own in enumerate(asked.classes):
        one = raw[number].mean(-1) if quantities else raw[number][..., 0 if single else own]
        values.append(-one if single and not quantities and own == 0 else one)
    found = np.array(values)
    return Attribution("shap", found.sum(-1) if asked.kind in ("image", "series") else found)


def _shap_texts(shap: Any, asked: _Asked) -> Array:
    length = asked.x.shape[1]
    found = np.zeros(asked.x.shape)
    for number, (row, own) in enumerate(zip(asked.x, asked.classes, strict=True)):

        def predict(kept: Array, row: Array = row, own: int = int(own)) -> Array:
            return asked.outputs(np.where(kept > 0, row, 0).astype(asked.x.dtype))[:, own]

        explainer = shap.PermutationExplainer(predict, np.zeros((1, length)), seed=0)
        told = (row > 0).astype(float)[None]
        found[number] = explainer(told, max_evals=2 * length + 1, silent=True).values[0]
    return found


def _lime(asked: _Asked) -> Attribution:
    """LIME: a linear model of the predictions around a sample (Ribeiro 2016)."""
    _extra("lime")
    explain = {"image": _lime_image, "table": _lime_table, "text": _lime_text}[asked.kind]
    with _quietly():
        found = [
            explain(asked, row, int(own)) for row, own in zip(asked.x, asked.classes, strict=True)
        ]
    return Attribution("lime", np.array(found))


def _lime_image(asked: _Asked, row: Array, own: int) -> Array:
    from lime.lime_image import LimeImageExplainer

    segments, channels = _segments(asked, row), row.shape[-1]
    shown = np.repeat(row, 3, -1) if channels == 1 else row[..., :3]

    def predict(images: Array) -> Array:
        if channels <= 3:
            return asked.outputs(images[..., :channels].astype(asked.x.dtype))
        full = np.repeat(row[None], len(images), 0)
        full[..., :3] = images
        return asked.outputs(full)

    told = LimeImageExplainer(random_state=0).explain_instance(
        shown.astype("double"),
        predict,
        labels=(own,),
        top_labels=None,
        hide_color=np.broadcast_to(asked.baseline[..., :3], shown.shape),
        num_samples=_DRAWS,
        segmentation_fn=lambda _: segments,
        random_seed=0,
    )
    weights = dict(told.local_exp[own])
    values: Array = np.array([weights.get(part, 0.0) for part in segments.ravel()])
    return values.reshape(segments.shape)


def _lime_table(asked: _Asked, row: Array, own: int) -> Array:
    from lime.lime_tabular import LimeTabularExplainer

    quantities = asked.data.task.has_quantities
    explainer = LimeTabularExplainer(
        np.asarray(asked.data.x_train, dtype=float),
        mode="regression" if quantities else "classification",
        discretize_continuous=False,
        random_state=0,
    )

    def predict(rows: Array) -> Array:
        outputs = asked.outputs(rows.astype("float32"))
        return outputs[:, 0] if quantities else outputs

    label = 1 if quantities else own  # LIME's own name for the one quantity
    told = explainer.explain_instance(
        row.astype(float), predict, labels=(label,), num_features=len(row), num_samples=_DRAWS
    )
    spread = np.asarray(asked.data.x_train, dtype=float).std(0)
    weights = dict(told.local_exp[label])
    slopes = np.array([weights.get(place, 0.0) for place in range(len(row))])
    # Slopes, of standardised columns, become what the row's distance from the average adds.
    away: Array = slopes * (row - asked.baseline) / np.where(spread > 0, spread, 1.0)
    return away


def _lime_text(asked: _Asked, row: Array, own: int) -> Array:
    from lime.lime_text import LimeTextExplainer

    places = np.flatnonzero(row)
    words = " ".join(f"w{place}" for place in places)  # a name a place: words may repeat

    def predict(texts: Sequence[str]) -> Array:
        rows = np.zeros((len(texts), len(row)), asked.x.dtype)
        for kept, text in zip(rows, texts, strict=True):
            left = [int(word[1:]) for word in text.split() if word.startswith("w")]
            kept[left] = row[left]
        return asked.outputs(rows)

    values = np.zeros(len(row))
    if len(places):
        told = LimeTextExplainer(random_state=0, split_expression=r"\s+").explain_instance(
            words, predict, labels=(own,), num_features=len(places), num_samples=_DRAWS
        )
        for word, weight in told.as_list(label=own):
            values[int(word[1:])] = weight
    return values


def _extra(name: str) -> Any:
    try:
        with _quietly():
            return __import__(name)
    except ImportError as error:
        raise SearchError(
            f"Method '{name}' needs {name}, which isn't installed. Run "
            '`pip install "nas_nb[explain]"`.'
        ) from error


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Lets nothing reach stderr: LIME draws a bar there, and has no switch for it."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


_METHODS: dict[str, Callable[[_Asked], Attribution]] = {
    "integrated_gradients": _integrated_gradients,
    "occlusion": _occlusion,
    "grad_cam": _grad_cam,
    "shap": _shap,
    "lime": _lime,
}
METHODS = tuple(_METHODS)
"""The names of the methods; "shap" and "lime" need the extra `nas_nb[explain]`."""
_CORE = METHODS[:3]
