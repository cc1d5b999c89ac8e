"""A model as plain Keras source, `best.code()`; the script that trains it."""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from nas_nb.errors import SpaceError
from nas_nb.export.custom_objects import check_source, definitions, find_custom_objects
from nas_nb.export.keras_objects import (
    CustomObjects,
    Expression,
    break_lines,
    custom_object,
    custom_objects,
    exact_expression,
    is_automatic,
    object_expression,
    quoted,
    snake_case,
)
from nas_nb.space.definition import undisturbed_random_state
from nas_nb.space.graph import Tensor, as_tensor, is_reference, tensors_in, tensors_of

_COMPILE_DEFAULTS: dict[str, Any] = {
    "loss_weights": None,
    "weighted_metrics": None,
    "run_eagerly": False,
    "steps_per_execution": 1,
}


def keras_source(model: keras.Model) -> str:
    """Returns Python source that defines ``build_model()``, which builds and compiles the model.

    It is written from the model's config. What ``build_model()`` returns has the same
    config, but for the names that Keras chooses, and takes the model's weights through
    ``set_weights``. Arguments that have their default value are left out. Classes and functions
    of the user's own are imported from their module, or copied from the notebook with what
    they use; such source is run once.

    Raises:
        SpaceError: Something in the model can't be written down.
    """
    own = CustomObjects(find_custom_objects(model))
    token = custom_objects.set(own)
    try:
        with undisturbed_random_state():
            source = _Source()
            body = source.body(_config_of(model), sequential=isinstance(model, keras.Sequential))
            compiled = _compile_lines(model.get_compile_config() or {})
            imports, texts = definitions(own.used)
            main = "\n".join(["def build_model():", *body, *compiled, "    return model"])
            functions = "\n\n\n".join([*texts, *source.functions, main])
            if "layers." in functions and "from keras import layers" not in imports:
                imports.insert(0, "from keras import layers")
            written = "\n".join(["import keras", *imports]) + f"\n\n\n{functions}\n"
            if own.used:
                check_source(written, model)
    finally:
        custom_objects.reset(token)
    return written


class _Source:
    """The functions of the source, one for each model inside the model."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self._names = {"build_model"}

    def body(self, config: Mapping[str, Any], *, sequential: bool) -> list[str]:
        """Returns the lines that make the variable `model`."""
        return (
            self._sequential(config)
            if sequential
            else list(SourceGraph(config, self.nested).lines())
        )

    def nested(self, layer: Mapping[str, Any]) -> str:
        """Writes a function for a model inside the model, and returns its name."""
        sequential = layer["class_name"] == "Sequential"
        if not sequential and layer["class_name"] != "Functional":
            raise _foreign(str(layer["class_name"]))
        given = layer["config"]["name"]
        automatic = is_automatic(given, layer["class_name"])
        part = f"part_{len(self.functions) + 1}" if automatic else given
        name = _identifier(f"build_{part}", self._names)
        self._names.add(name)
        body = self.body(layer["config"], sequential=sequential)
        self.functions.append("\n".join([f"def {name}():", *body, "    return model"]))
        return name

    def _sequential(self, config: Mapping[str, Any]) -> list[str]:
        items = [self._item(layer) for layer in config["layers"]]
        name = config["name"]
        named = [] if is_automatic(name, "Sequential") else [f"        name={quoted(name)},"]
        closing = "        ]," if named else "        ]"
        return ["    model = keras.Sequential(", "        [", *items, closing, *named, "    )"]

    def _item(self, layer: Mapping[str, Any]) -> str:
        indent = " " * 12
        if layer["class_name"] == "InputLayer":
            return f"{indent}{input_text(layer['config'])},"
        if _is_model(layer):
            return f"{indent}{self.nested(layer)}(),"
        made = object_expression(layer)
        return break_lines(indent, made.head, made.arguments, ",")


def _is_model(layer: Mapping[str, Any]) -> bool:
    return "layers" in layer["config"] and layer["module"] is not None


def _config_of(model: keras.Model) -> dict[str, Any]:
    if not type(model).__module__.startswith("keras."):
        raise _foreign(type(model).__name__)
    try:
        config = model.get_config()
    except Exception as error:
        raise SpaceError(
            "Expected layers that can be written down to write the source. Received: "
            f"{_unwritten(model)}, whose `get_config` fails. Copy the source of your build "
            "function instead."
        ) from error
    if "layers" not in config:
        raise _foreign(type(model).__name__)
    return dict(config)


def _unwritten(model: keras.Model) -> str:
    """Returns the class of the first layer whose config can't be had, or else the model's."""
    for layer in model.layers:
        try:
            layer.get_config()
        except Exception:  # noqa: BLE001 - a layer's own code may raise anything
            return type(layer).__name__
    return type(model).__name__


def _foreign(name: str) -> SpaceError:
    return SpaceError(
        f"Expected a Sequential or functional model to write its source. Received: {name}. Copy "
        "the source of your build function instead."
    )


def _compile_lines(config: Mapping[str, Any]) -> list[str]:
    if not config:
        return []
    arguments = [f"optimizer={exact_expression(config['optimizer']).text}"]
    arguments += [
        f"{name}={_listed(config[name])}" for name in ("loss", "metrics") if config.get(name)
    ]
    arguments += [
        f"{name}={_listed(config[name])}"
        for name, default in _COMPILE_DEFAULTS.items()
        if config.get(name, default) != default
    ]
    return [break_lines("    ", "model.compile", tuple(arguments))]


def _listed(value: Any) -> str:
    # Keras tells lists from tuples nowhere in compile(); people write lists.
    if isinstance(value, list | tuple):
        return f"[{', '.join(_listed(item) for item in value)}]"
    if isinstance(value, Mapping) and "class_name" not in value:
        return f"{{{', '.join(f'{quoted(key)}: {_listed(item)}' for key, item in value.items())}}}"
    registered = isinstance(value, str) and keras.saving.get_custom_objects().get(value)
    if registered and custom_object(value) is not None:
        return str(registered.__name__)
    return exact_expression(value).text


class SourceGraph:
    """Writes the calls of a functional model in an order in which each has its inputs."""

    def __init__(self, config: Mapping[str, Any], nested: Any) -> None:
        self._layers = {layer["name"]: layer for layer in config["layers"]}
        self._nested = nested
        self._inputs = list(tensors_of(config["input_layers"]))
        self._outputs = [self._end(tensor) for tensor in tensors_of(config["output_layers"])]
        self._config = config
        self._names: dict[Tensor, str] = {}
        self._shared: dict[str, str] = {}
        self._waiting = [
            (name, number)
            for name, layer in self._layers.items()
            for number in range(len(layer["inbound_nodes"]))
        ]

    def lines(self) -> Iterator[str]:
        """Yields the body up to ``model = keras.Model(...)``, indented by four spaces."""
        for number, tensor in enumerate(self._inputs, start=1):
            self._names[tensor] = "inputs" if len(self._inputs) == 1 else f"inputs_{number}"
            yield f"    {self._names[tensor]} = {input_text(self._layers[tensor[0]]['config'])}"
        while self._waiting:
            node = next(n for n in self._waiting if self._needs(n) <= self._names.keys())
            self._waiting.remove(node)
            yield from self._call(node)
        ends = (self._structure(self._config[key]) for key in ("input_layers", "output_layers"))
        name = self._config["name"]
        named = () if is_automatic(name, "Functional") else (f"name={quoted(name)}",)
        yield break_lines("    model = ", "keras.Model", (*ends, *named))

    def _needs(self, node: tuple[str, int]) -> set[Tensor]:
        inbound = self._layers[node[0]]["inbound_nodes"][node[1]]
        return set(tensors_in(inbound["args"])) | set(tensors_in(inbound["kwargs"]))

    def _call(self, node: tuple[str, int]) -> Iterator[str]:
        name, number = node
        layer = self._layers[name]
        inbound = layer["inbound_nodes"][number]
        arguments = [self._text(argument) for argument in inbound["args"]]
        options = {k: self._text(v) for k, v in inbound["kwargs"].items() if v is not None}
        target = self._target(node)
        if str(layer["module"]).startswith("keras.src.ops"):
            yield _operation(f"    {target} = ", layer, arguments, options)
            return
        made = self._layer(layer)
        implied = _call_defaults(made.value)
        named = [f"{key}={text}" for key, text in options.items() if implied.get(key) != text]
        inputs = ", ".join([*arguments, *named])
        if len(layer["inbound_nodes"]) > 1:
            if name not in self._shared:
                taken = {*self._shared.values(), *_RESERVED}
                self._shared[name] = _identifier(name, taken, "layer_")
                yield break_lines(f"    {self._shared[name]} = ", made.head, made.arguments)
            yield f"    {target} = {self._shared[name]}({inputs})"
            return
        yield break_lines(f"    {target} = ", made.head, made.arguments, f"({inputs})")

    def _layer(self, layer: Mapping[str, Any]) -> Expression:
        if _is_model(layer):
            return Expression("", None, self._nested(layer))
        return object_expression(layer)

    def _target(self, node: tuple[str, int]) -> str:
        """Chooses a name for the call's outputs: ``x`` unless another ``x`` is still needed."""
        mine = sorted(
            {t for other in self._waiting for t in self._needs(other) if t[:2] == node}
            | {t for t in self._outputs if t[:2] == node}
        ) or [(*node, 0)]
        needed = {t for other in self._waiting for t in self._needs(other)} | set(self._outputs)
        taken = {self._names[tensor] for tensor in needed if tensor in self._names}
        for tensor in mine:
            free = (name for name in _variable_names() if name not in taken)
            only = not self._waiting and len(self._outputs) == 1
            self._names[tensor] = "outputs" if only else next(free)
            taken.add(self._names[tensor])
        return self._unpacked(node, mine)

    def _unpacked(self, node: tuple[str, int], mine: list[Tensor]) -> str:
        last = max(tensor[2] for tensor in mine)
        if last == 0:
            return self._names[mine[0]]
        return ", ".join(self._names.get((*node, n), "_") for n in range(last + 1)) + ", *_"

    def _text(self, argument: Any) -> str:
        """Returns the source of an argument: tensors by name, anything else as a literal."""
        if isinstance(argument, Mapping) and argument.get("class_name") == "__keras_tensor__":
            return self._names[as_tensor(argument["config"]["keras_history"])]
        if isinstance(argument, Mapping) and argument.get("class_name") == "__slice__":
            return _slice_text(argument["config"])
        if isinstance(argument, list | tuple):
            return f"[{', '.join(self._text(item) for item in argument)}]"
        return exact_expression(argument).text

    def _end(self, tensor: Tensor) -> Tensor:
        # Where it names its ends, Keras counts the making of an inner model as its first call.
        name, number, output = tensor
        return name, number - ("input_layers" in self._layers[name]["config"]), output

    def _structure(self, references: Any) -> str:
        if is_reference(references):
            return self._names[self._end(as_tensor(references))]
        if isinstance(references, Mapping):
            items = (f"{quoted(key)}: {self._structure(item)}" for key, item in references.items())
            return f"{{{', '.join(items)}}}"
        if len(references) == 1:
            return self._structure(references[0])
        return f"[{', '.join(self._structure(item) for item in references)}]"


def input_text(config: Mapping[str, Any]) -> str:
    """Returns the call of ``keras.Input`` for the config of an input layer."""
    batch, *shape = config["batch_shape"]
    options = {"batch_size": batch} if batch is not None else {}
    if config["dtype"] != keras.config.floatx():
        options["dtype"] = config["dtype"]
    options |= {flag: True for flag in ("sparse", "ragged", "optional") if config.get(flag)}
    if not is_automatic(config["name"], "InputLayer"):
        options["name"] = config["name"]
    texts = (f"{name}={exact_expression(value).text}" for name, value in options.items())
    return f"keras.Input({', '.join([exact_expression(tuple(shape)).text, *texts])})"


def _operation(
    prefix: str, layer: Mapping[str, Any], arguments: list[str], options: Mapping[str, str]
) -> str:
    name = snake_case(layer["class_name"])
    if name == "get_item":
        return f"{prefix}{arguments[0]}[{arguments[1].strip('[]')}]"
    function = getattr(keras.ops, name, None)
    if function is None:
        raise SpaceError(
            "Expected operations of keras.ops in the model to write its source. Received: "
            f"{layer['class_name']}. Copy the source of your build function instead."
        )
    defaults = {n: p.default for n, p in inspect.signature(function).parameters.items()}
    own = {
        key: exact_expression(value).text
        for key, value in layer["config"].items()
        if key in defaults and key != "name" and value != defaults[key]
    }
    named = (f"{key}={text}" for key, text in {**own, **options}.items())
    return break_lines(prefix, f"keras.ops.{name}", (*arguments, *named))


def _call_defaults(layer: Any) -> dict[str, str]:
    if layer is None:
        return {}
    parameters = inspect.signature(layer.call).parameters.items()
    return {name: repr(about.default) for name, about in parameters}


def _slice_text(config: Mapping[str, Any]) -> str:
    start, stop, step = ("" if config[k] is None else config[k] for k in ("start", "stop", "step"))
    return f"{start}:{stop}" + (f":{step}" if step else "")


_RESERVED = frozenset(("keras", "layers", "model", "x", "inputs", "outputs", "_"))
_NUMBERED = re.compile(r"(x|inputs)_\d+|build_.*")


def _identifier(name: str, taken: Collection[str], prefix: str = "") -> str:
    """Returns a name for a variable that is like a layer's, legal, and not taken."""
    legal = re.sub(r"\W", "_", name)
    illegal = not legal.isidentifier() or keyword.iskeyword(legal) or hasattr(builtins, legal)
    if prefix and (illegal or legal in _RESERVED or _NUMBERED.fullmatch(legal)):
        legal = prefix + legal
    free = (legal, *(f"{legal}_{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in free if each not in taken)


def _variable_names() -> Iterator[str]:
    yield "x"
    number = 1
    while True:
        yield f"x_{number}"
        number += 1


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
    """What the script is to do."""

    seed: int  # decides the order of samples
    seeds: Sequence[int]  # decide initial weights and dropout, in the order of asking
    epochs: int  # epochs that the trial was trained for
    batch_size: int  # samples a batch
    validation_batch_size: int  # the same where the validation part is measured
    objective: str  # the name of what is compared
    mode: str  # "max" or "min"
    score: float | None  # what the trial had; None where nothing was left to score it by
    recipe: Mapping[str, Any] | None  # arguments of `nas.load` for the data, or None
    remarks: tuple[str, ...] = ()  # why the script's score may be another, as sentences


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
    first = "from unittest.mock import patch\n\nimport numpy as np\nimport tensorflow as tf\n"
    imports = first + "\n".join(line for line in imports.split("\n") if line not in first)
    ends = [*told, end if scored else "print(model.evaluate(x_test, y_test, verbose=0))\n"]
    return f"{imports}\n\n\n{build}\n\n{data}\n{training}{''.join(ends)}"
