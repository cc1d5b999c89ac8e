"""A model as plain Keras source, without anything of this package in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import keras

from nas_nb.errors import SpaceError
from nas_nb.space.code_graph import Graph, input_text
from nas_nb.space.code_text import broken, is_automatic, quoted
from nas_nb.space.code_values import exact_expression, object_expression
from nas_nb.space.symbolic import undisturbed_random_state

_COMPILE_DEFAULTS: dict[str, Any] = {
    "loss_weights": None,
    "weighted_metrics": None,
    "run_eagerly": False,
    "steps_per_execution": 1,
}


def keras_source(model: keras.Model) -> str:
    """Returns Python source that defines ``build_model()``, which builds and compiles the model.

    It is written from the model's config alone. What ``build_model()`` returns has the same
    config, but for the names that Keras chooses, and takes the model's weights through
    ``set_weights``. Arguments that have their default value are left out.

    Args:
        model: A Sequential or functional model; models inside it are written as functions.

    Raises:
        SpaceError: The model, or a layer in it, is of a class that isn't Keras's own.
    """
    with undisturbed_random_state():
        source = _Source()
        body = source.body(_config_of(model), sequential=isinstance(model, keras.Sequential))
        compiled = _compile_lines(model.get_compile_config() or {})
    main = "\n".join(["def build_model():", *body, *compiled, "    return model"])
    functions = "\n\n\n".join([*source.functions, main])
    imports = "import keras\n"
    if "layers." in functions:
        imports += "from keras import layers\n"
    return f"{imports}\n\n{functions}\n"


class _Source:
    """The functions of the source, one for each model inside the model."""

    def __init__(self) -> None:
        self.functions: list[str] = []

    def body(self, config: Mapping[str, Any], *, sequential: bool) -> list[str]:
        """Returns the lines that make the variable `model`."""
        return self._sequential(config) if sequential else list(Graph(config, self.nested).lines())

    def nested(self, layer: Mapping[str, Any]) -> str:
        """Writes a function for a model inside the model, and returns its name."""
        sequential = layer["class_name"] == "Sequential"
        if not sequential and layer["class_name"] != "Functional":
            raise _foreign(str(layer["class_name"]))
        given = layer["config"]["name"]
        automatic = is_automatic(given, layer["class_name"])
        part = f"part_{len(self.functions) + 1}" if automatic else re.sub(r"\W", "_", given)
        name = f"build_{part}"
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
        if "layers" in layer["config"]:
            return f"{indent}{self.nested(layer)}(),"
        made = object_expression(layer)
        return broken(indent, made.head, made.arguments, ",")


def _config_of(model: keras.Model) -> dict[str, Any]:
    if not type(model).__module__.startswith("keras."):
        raise _foreign(type(model).__name__)
    try:
        config = model.get_config()
    except Exception as error:
        raise SpaceError(
            f"Expected layers that can be written down to write the source, got "
            f"{_unwritten(model)}, whose `get_config` fails: copy the source of your build "
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
        f"Expected a Sequential or functional model to write its source, got {name}: "
        "copy the source of your build function instead."
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
    return [broken("    ", "model.compile", tuple(arguments))]


def _listed(value: Any) -> str:
    # Keras tells lists from tuples nowhere in compile(); people write lists.
    if isinstance(value, list | tuple):
        return f"[{', '.join(_listed(item) for item in value)}]"
    if isinstance(value, Mapping) and "class_name" not in value:
        return f"{{{', '.join(f'{quoted(key)}: {_listed(item)}' for key, item in value.items())}}}"
    return exact_expression(value).text
