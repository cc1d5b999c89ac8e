"""Keras's serialised objects as the calls that a person would write.

Each expression is checked: it is evaluated, and its config has to be the one that was asked for.
That is what allows leaving out every argument that the others imply.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from nas_nb.errors import SpaceError

_KERAS = r"keras(\.[a-z_]+)*"
_FUNCTIONS = ("activations", "losses", "metrics", "initializers", "regularizers", "constraints")
_NAMED_BY_STRINGS = ("keras.initializers", "keras.optimizers", "keras.regularizers")


@dataclass(frozen=True)
class Expression:
    """A piece of source and what it evaluates to."""

    text: str  # the source, on one line
    value: Any  # its value
    head: str = ""  # of a call, the name of what is called, e.g. ``layers.Dense``
    arguments: tuple[str, ...] = ()  # of a call, the source of its arguments


@dataclass(frozen=True)
class CustomObjects:
    """What a model has of the user's own classes and functions, and which of it was written."""

    found: Mapping[str, Any]  # by name; None for a name that means several
    used: dict[str, Any] = field(default_factory=dict)  # by the name in the source

    def get(self, name: str) -> Any:
        """Returns what Keras calls `name`, such as "Custom>Scale"; None for Keras's own."""
        key = name.rpartition(">")[2]
        if key not in self.found:
            return None
        if self.found[key] is None:
            raise SpaceError(
                f"Expected one class or function called {key} in the model to write its source. "
                "Received: several. Copy the source of your build function instead."
            )
        self.used[self.found[key].__name__] = self.found[key]
        return self.found[key]


custom_objects: ContextVar[CustomObjects | None] = ContextVar("custom_objects", default=None)
"""Those of the model that is being written."""


def custom_object(name: str) -> Any:
    """Returns the class or function of the user's own that Keras calls `name`, or None."""
    known = custom_objects.get()
    return None if known is None else known.get(name)


def object_expression(serialised: Mapping[str, Any]) -> Expression:
    """Returns the constructor call of one of Keras's serialised objects."""
    *_, exact = _object_expressions(serialised)
    return exact


def _object_expressions(serialised: Mapping[str, Any]) -> Iterator[Expression]:
    """Yields calls without one argument, which a layer around may imply, then the exact call."""
    module, class_name = str(serialised.get("module")), str(serialised["class_name"])
    target = dict(serialised["config"])
    own = None if re.fullmatch(_KERAS, module) else custom_object(class_name)
    cls = _public_class(module, class_name, target) if own is None else own
    head = f"{'layers' if module == 'keras.layers' else module}.{class_name}"
    if own is not None:
        head = class_name
        _check_config(cls, target)
    chosen = _arguments(cls, target)
    if chosen is None and own is not None:
        yield _call(f"{head}.from_config", (repr(_plain(target)),), cls.from_config(target))
        return
    if chosen is None:
        head = "keras.saving.deserialize_keras_object"
        yield _call(head, (repr(_plain(serialised)),), cls.from_config(target))
        return
    for some in (*_without_one(cls, chosen, target), chosen):
        arguments = tuple(_written(cls, some, target, class_name))
        yield _call(head, arguments, _made(cls, some, target))


def _without_one(
    cls: Any, chosen: Mapping[str, Expression], target: Mapping[str, Any]
) -> Iterator[dict[str, Expression]]:
    for name in chosen:
        fewer = {other: value for other, value in chosen.items() if other != name}
        if _differing(cls, fewer, target) is not None:
            yield fewer


def _call(head: str, arguments: tuple[str, ...], value: Any) -> Expression:
    return Expression(f"{head}({', '.join(arguments)})", value, head, arguments)


def value_expressions(value: Any) -> Iterator[Expression]:
    """Yields expressions for a value in a config, the shortest first; the last one is exact."""
    if isinstance(value, Mapping):
        yield from _mapping_expressions(value)
    elif isinstance(value, list | tuple):
        parts = [exact_expression(item) for item in value]
        if parts and all(part.text == parts[0].text for part in parts):
            yield parts[0]
        inner = ", ".join(part.text for part in parts) + ("," if len(parts) == 1 else "")
        yield Expression(f"({inner})", tuple(part.value for part in parts))
    elif isinstance(value, float):
        yield from _float_expressions(value)
    else:
        yield Expression(quoted(value), value)


def _float_expressions(value: float) -> Iterator[Expression]:
    rounded = float(str(np.float32(value)))  # 0.001 for 0.0010000000474974513
    yield Expression(repr(rounded), rounded)
    whole = round(1 / value) if value else 0
    if whole and 1 / whole == value:
        yield Expression(f"1 / {whole}", value)
    yield Expression(repr(value), value)


def exact_expression(value: Any) -> Expression:
    """Returns the expression that is sure to mean this value."""
    *_, exact = value_expressions(value)
    return exact


def _mapping_expressions(value: Mapping[str, Any]) -> Iterator[Expression]:
    kind, config = value.get("class_name"), value.get("config")
    if set(value) == {"value"} and isinstance(value["value"], tuple):  # Keras's dump of a lambda
        raise _foreign("a lambda")
    if kind is None or config is None:
        items = {key: exact_expression(item) for key, item in value.items()}
        text = ", ".join(f"{quoted(key)}: {item.text}" for key, item in items.items())
        yield Expression(f"{{{text}}}", {key: item.value for key, item in items.items()})
    elif kind == "function":
        yield _function_expression(str(config))
    elif kind == "DTypePolicy":
        yield Expression(quoted(config["name"]), config["name"])
    else:
        name = snake_case(str(kind))
        if value.get("module") in _NAMED_BY_STRINGS and _is_named(value, name):
            yield Expression(quoted(name), name)
        else:
            yield from _object_expressions(value)


def _function_expression(name: str) -> Expression:
    own = custom_object(name)
    if own is not None:
        return Expression(own.__name__, own)
    places = (getattr(keras, place) for place in _FUNCTIONS)
    if not any(callable(getattr(place, name, None)) for place in places):
        raise _foreign(name)
    return Expression(quoted(name), name)


def _is_named(serialised: Mapping[str, Any], name: str) -> bool:
    """Says whether Keras knows the object, with this very config, by a name."""
    module = importlib.import_module(str(serialised["module"]))
    try:
        named = keras.saving.serialize_keras_object(module.get(name))
    except (KeyError, TypeError, ValueError):  # no such name, or one that needs arguments
        return False
    return bool(_plain(named) == _plain(serialised))


def _public_class(module: str, class_name: str, config: Mapping[str, Any]) -> Any:
    found = None
    if re.fullmatch(_KERAS, module):
        found = getattr(importlib.import_module(module), class_name, None)
    unnamed = class_name == "Lambda" and config["function"].get("class_name") != "function"
    if not isinstance(found, type) or unnamed:
        raise _foreign("a lambda" if class_name == "__lambda__" else class_name)
    return found


def _foreign(name: str) -> SpaceError:
    return SpaceError(
        "Expected a model of Keras's own layers and functions, or of named ones of yours, to write "
        f"its source. Received: {name}. Copy the source of your build function instead, and "
        "define there what it uses."
    )


def _check_config(cls: type, config: Mapping[str, Any]) -> None:
    """Refuses a class of the user's own whose config has not all of its arguments."""
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    _, *parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    lost = [p.name for p in parameters if p.kind not in kinds and p.name not in config]
    lost = [name for name in lost if name not in ("name", "dtype")]
    if lost:
        raise SpaceError(
            f"Expected `{cls.__name__}.get_config` to have all arguments to write the model's "
            f"source. Received: none for {', '.join(lost)}. Return them there, too."
        )


def _arguments(cls: type, target: Mapping[str, Any]) -> dict[str, Expression] | None:
    """Returns the fewest, simplest arguments with which `cls` has the target config, or None."""
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    required = [
        name
        for name, about in signature.parameters.items()
        if name in target and about.default is inspect.Parameter.empty
    ]
    chosen = {name: exact_expression(target[name]) for name in required}
    for _ in range(3):  # one argument's default may hang on another: strides on the pool size
        wrong = _differing(cls, chosen, target)
        if wrong is None:
            return None
        if not wrong:
            break
        chosen |= {name: exact_expression(target[name]) for name in wrong}
    else:
        return None
    _simplify(cls, chosen, target, required)
    return chosen


def _simplify(
    cls: type, chosen: dict[str, Expression], target: Mapping[str, Any], required: list[str]
) -> None:
    for name in list(chosen):
        fewer = {other: value for other, value in chosen.items() if other != name}
        if name not in required and _differing(cls, fewer, target) == []:
            del chosen[name]
            continue
        for candidate in value_expressions(target[name]):
            if _differing(cls, {**chosen, name: candidate}, target) == []:
                chosen[name] = candidate
                break


def _differing(
    cls: type, chosen: Mapping[str, Expression], target: Mapping[str, Any]
) -> list[str] | None:
    """Returns the names whose config would be another one; None where nothing can be made."""
    try:
        config = _made(cls, chosen, target).get_config()
    except (TypeError, ValueError):
        return None
    return [
        name
        for name in target
        if _plain(config.get(name)) != _plain(target[name])
        and not (name == "name" and _are_automatic(cls, config.get(name), target[name]))
    ]


def _are_automatic(cls: type, *names: str) -> bool:
    return all(is_automatic(name, cls.__name__) for name in names)


def _takes_name(cls: type) -> bool:
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    return any(p.name == "name" or p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def _made(cls: type, chosen: Mapping[str, Expression], target: Mapping[str, Any]) -> Any:
    values = {name: expression.value for name, expression in chosen.items()}
    if "name" in target and _takes_name(cls):
        values["name"] = target["name"]  # or Keras would count up its automatic names
    return cls(**values)


def _written(
    cls: type, chosen: Mapping[str, Expression], target: Mapping[str, Any], class_name: str
) -> Iterator[str]:
    """Yields the arguments' source: required ones by position, then the others by name."""
    parameters = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    order = [name for name in parameters if name in chosen]
    order += [name for name in chosen if name not in order]
    leading = True
    for name in order:
        about = parameters.get(name)
        leading = leading and about is not None and about.default is inspect.Parameter.empty
        text = chosen[name].text
        yield text if leading else f"{name}={text}"
    if "name" in target and not is_automatic(target["name"], class_name):
        yield f"name={quoted(target['name'])}"


def _plain(value: Any) -> Any:
    """Returns a config as lists and dictionaries, without the names that Keras chose."""
    if isinstance(value, Mapping):
        dropped = {"registered_name", "build_config", "compile_config"}
        items = {key: _plain(item) for key, item in value.items() if key not in dropped}
        config = items.get("config")
        if isinstance(config, dict) and is_automatic(config.get("name"), str(value["class_name"])):
            config.pop("name", None)
        return items
    if not isinstance(value, list | tuple):
        return value
    # A normalisation's axis is -1 before it is built, and [-1] after.
    return _plain(value[0]) if len(value) == 1 else [_plain(item) for item in value]


LINE_LENGTH = 88
"""Longer lines of source are broken at their arguments."""


def break_lines(prefix: str, head: str, arguments: tuple[str, ...], suffix: str = "") -> str:
    """Returns the lines of ``prefix head(arguments) suffix``: one, or one for each argument."""
    line = f"{prefix}{head}({', '.join(arguments)}){suffix}"
    if len(line) <= LINE_LENGTH or not arguments:
        return line
    indent = " " * (len(prefix) - len(prefix.lstrip(" ")))
    inner = "".join(f"{indent}    {argument},\n" for argument in arguments)
    return f"{prefix}{head}(\n{inner}{indent}){suffix}"


def is_automatic(name: str | None, class_name: str) -> bool:
    """Says whether Keras chose the name: that of the class, perhaps with a number."""
    if name is None:
        return True
    own = re.sub(r"^(forward_|backward_)+", "", name)  # what Bidirectional puts before a name
    return re.sub(r"_\d+$", "", own).replace("_", "").lower() == class_name.lower()


def snake_case(name: str) -> str:
    """Returns ``he_normal`` for ``HeNormal``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def quoted(value: Any) -> str:
    """Returns the literal of a value; strings in double quotes, as formatters write them."""
    text = repr(value)
    return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text else text
