"""Classes and functions of the user's own in a model, as source that runs elsewhere."""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import symtable
import sys
import textwrap
from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

import keras

from nas_nb.errors import NasError, SpaceError, reason_of
from nas_nb.export.keras_objects import object_expression

_TAKEN = frozenset(
    [
        "build_model",
        "model",
        "data",
        "parts",
        "seeds",
        "order",
        "batch",
        "history",
        "patch",
        "x_train",
        "y_train",
        "x_val",
        "y_val",
        "x_test",
        "y_test",
    ]
)
"""Names that the source of a model, or the script that trains it, gives itself."""
_MODULES = {"layers": keras.layers.__name__, "np": "numpy", "tf": "tensorflow"}


def find_custom_objects(model: keras.Model) -> dict[str, Any]:
    """Returns the model's classes and functions that are none of Keras's, by their names.

    A name that means more than one of them, or one and a function of Keras's, has None.
    """
    found: dict[str, Any] = {}
    seen: set[int] = set()
    waiting: list[Any] = [model]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list | tuple | set):
            waiting += value
        elif isinstance(value, FunctionType) or (isinstance(value, type) and not _is_kerass(value)):
            registered = str(keras.saving.get_registered_name(value)).rpartition(">")[2]
            for name in {value.__name__, registered}:
                found[name] = value if found.get(name, value) is value else None
        elif _is_kerass(type(value)) or hasattr(value, "get_config"):
            waiting += getattr(value, "__dict__", {}).values()
            waiting.append(type(value))
    return {name: value for name, value in found.items() if not _is_kerass(value)}


def _is_kerass(value: Any) -> bool:
    return str(getattr(value, "__module__", "")).startswith("keras.")


def definitions(objects: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Returns the imports, and the other lines, that define objects and what these use."""
    written = _Definitions()
    for name, value in objects.items():
        written.add(name, value)
    return written.imports, written.texts


class _Definitions:
    """Source that defines names in the order in which they need each other."""

    def __init__(self) -> None:
        self.imports: list[str] = []
        self.texts: list[str] = []
        self._values: dict[str, Any] = {"keras": keras}

    def add(self, name: str, value: Any) -> None:
        """Defines a name, and before it what it uses."""
        if name in self._values:
            if self._values[name] is not value:
                raise _missing(name, "means two things in the model's own classes and functions")
            return
        module = _MODULES.get(name)
        if name in _TAKEN or (module and getattr(value, "__name__", "") != module):
            raise _missing(name, "is a name that the source uses itself: rename it")
        self._values[name] = value
        line = _import_line(name, value)
        if line:
            self.imports.append(line)
        else:
            self.texts.append(self._text(name, value))

    def _text(self, name: str, value: Any) -> str:
        if isinstance(value, FunctionType | type):
            if value.__name__ != name:
                self.add(value.__name__, value)
                return f"{name} = {value.__name__}"
            return self._definition(value)
        try:
            if _is_kerass(type(value)):
                return (
                    f"{name} = {object_expression(keras.saving.serialize_keras_object(value)).text}"
                )
            if ast.literal_eval(repr(value)) == value:
                return f"{name} = {value!r}"
        except (ValueError, SyntaxError, TypeError, NasError):
            pass
        raise _missing(name, f"is of {type(value).__name__}, which can't be written down")

    def _definition(self, value: Any) -> str:
        source, known = _source_of(value), _namespace(value)
        for name in sorted(_global_names(source) - {value.__name__}):
            if name in known:
                self.add(name, known[name])
            elif not hasattr(builtins, name) and not name.startswith("__"):
                raise _missing(name, f"is used by {value.__name__}, and is not defined any more")
        return source


def _missing(name: str, why: str) -> SpaceError:
    return SpaceError(
        f"Expected source for all that the model uses. Received: {name}, which {why}. Copy the "
        f"source of your build function instead, and define {name} before it."
    )


def _import_line(name: str, value: Any) -> str:
    """Returns the line that imports a value under a name; "" where it is in no module."""
    if getattr(keras, name, None) is value:
        return f"from keras import {name}"
    if isinstance(value, ModuleType):
        found = value.__name__
        return f"import {found}" if found == name else f"import {found} as {name}"
    own = str(getattr(value, "__name__", ""))
    public = sorted((m for m in sys.modules if _is_public_keras(m)), key=len)
    for module in (*(public if _is_kerass(value) else ()), getattr(value, "__module__", None)):
        here = module not in (None, "__main__", "builtins")
        if here and getattr(sys.modules.get(str(module)), own or " ", None) is value:
            return f"from {module} import {own}" + ("" if own == name else f" as {name}")
    return ""


def _is_public_keras(module: str) -> bool:
    return module.startswith("keras.") and not {"src", "_tf_keras", "api"} & {*module.split(".")}


def _source_of(value: Any) -> str:
    """Returns the definition of a class or function, from the left margin."""
    name = value.__name__
    try:
        source = _class_source(value) if isinstance(value, type) else inspect.getsource(value)
        source = textwrap.dedent(source).rstrip()
        if getattr(ast.parse(source).body[0], "name", None) == name:
            return source
    except (OSError, TypeError, SyntaxError):
        pass
    what = "a lambda" if name == "<lambda>" else name
    raise _missing(what, "has no source that can be read")


def _class_source(cls: type) -> str:
    """Returns a class's lines: by those of its methods, since `inspect` fails on a notebook's."""
    for function in _methods(cls):
        lines = linecache.getlines(function.__code__.co_filename)
        at = function.__code__.co_firstlineno
        classes = [n for n in ast.walk(ast.parse("".join(lines))) if isinstance(n, ast.ClassDef)]
        around = [
            node
            for node in classes
            if node.name == cls.__name__ and node.lineno <= at <= (node.end_lineno or 0)
        ]
        if around:
            node = around[-1]
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            return "".join(lines[first - 1 : node.end_lineno])
    return inspect.getsource(cls)


def _methods(cls: type) -> Iterator[FunctionType]:
    for value in vars(cls).values():
        function = getattr(value, "__func__", getattr(value, "fget", value))
        function = inspect.unwrap(function) if callable(function) else function
        if isinstance(function, FunctionType) and function.__qualname__.startswith(
            f"{cls.__qualname__}."
        ):
            yield function


def _namespace(value: Any) -> dict[str, Any]:
    """Returns what names mean inside a class or function."""
    is_class = isinstance(value, type)
    known = dict(vars(sys.modules[value.__module__])) if value.__module__ in sys.modules else {}
    if is_class:
        known |= {base.__name__: base for base in value.__bases__ if base.__name__ not in known}
    for function in _methods(value) if is_class else (inspect.unwrap(value),):
        known |= function.__globals__
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            try:
                known[name] = cell.cell_contents
            except ValueError:  # not given a value yet
                known.pop(name, None)
    return known


def _global_names(source: str) -> set[str]:
    """Returns the names that source takes from around it."""
    top = symtable.symtable(source, "", "exec")
    names = {one.get_name() for one in top.get_symbols() if not one.is_assigned()}
    tables = list(top.get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        names |= {one.get_name() for one in table.get_symbols() if one.is_global()}
    return names


def run_source(source: str) -> dict[str, Any]:
    """Runs source that defines a model; returns its names. What it registers is forgotten."""
    registered = keras.saving.get_custom_objects()
    before = dict(registered)
    made: dict[str, Any] = {"__name__": "__main__"}
    try:
        exec(source, made)
    finally:
        registered.clear()
        registered.update(before)
    return made


def check_source(source: str, model: keras.Model) -> None:
    """Refuses source that does not build a model of the same weights.

    Raises:
        SpaceError: It fails, or builds another model.
    """
    try:
        again = run_source(source)["build_model"]()
        same = [tuple(w.shape) for w in again.weights] == [tuple(w.shape) for w in model.weights]
        why = "" if same else "other weights, as where a `get_config` lacks an argument"
    except Exception as error:  # noqa: BLE001 - the user's own code may raise anything
        why = reason_of(error)
    if why:
        raise SpaceError(
            f"Expected source that builds the same model. Received: {why.rstrip('.')}. Copy the "
            "source of your build function instead."
        )
