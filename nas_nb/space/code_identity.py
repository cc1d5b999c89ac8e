"""What the user's code consists of: a hash for each function it reaches, and what these read."""

from __future__ import annotations

import argparse
import dis
import enum
import functools
import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from nas_nb.data.dataset import Data, DataSpec, array_fingerprint, text_hash
from nas_nb.space.search_space import SearchSpace

_LIBRARY = tuple(
    f"{folder}{os.sep}" for folder in (sysconfig.get_paths()["stdlib"], Path(__file__).parents[1])
)
_INSTALLED = ("site-packages", "dist-packages")
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")
_CLOSURE = ("LOAD_DEREF", "LOAD_CLASSDEREF")
_STORES = ("STORE_GLOBAL", "STORE_DEREF", "STORE_NAME")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_CHANGING = {*dir(list), *dir(set), *dir(dict)} - {*dir(tuple), *dir(frozenset), "copy", "get"}
_CHANGING -= {"keys", "values", "items"}
_OURS = "nas_nb "
_DICTIONARIES = (dict, MappingProxyType)
_NAMESPACES = (SimpleNamespace, argparse.Namespace)
_PLAIN = (bool, int, float, complex, type(None), type(...), enum.Enum)


def code_identity(*sources: Any) -> dict[str, str]:
    """Returns what the user's functions, classes and objects are made of, by name."""
    # A function is a hash of its instructions, so comments, docstrings and line numbers do not
    # count. What it reads (closure, defaults, globals) is a part of its own, and so is every
    # function or class of the user's that it uses. Libraries count by name: their versions are
    # recorded. Variables that the code itself changes, such as a counter, do not count.
    survey = _Survey()
    for source in sources:
        survey.visit(_name(source), source)
    return survey.lasting_parts()


def code_differences(was: dict[str, str], now: dict[str, str], *, same_version: bool) -> list[str]:
    """Says what was edited, e.g. "the code of build edited" or "build.width = 64, now 128"."""
    found = []
    for name in {**now, **was}:
        one, other = was.get(name), now.get(name)
        if one == other or (not same_version and _OURS in (str(one) + str(other))):
            continue
        one, other = (part and part.removeprefix(_OURS) for part in (one, other))
        if one is None or other is None:
            found.append(f"{name} {'added' if one is None else 'removed'}")
        elif one.startswith("code "):
            found.append(f"the code of {name} edited")
        elif " " in one + other:  # a hash says nothing to a reader
            found.append(f"{name} changed")
        else:
            found.append(f"{name} = {one}, now {other}")
    return found


def space_code(space: SearchSpace) -> Any:
    """Returns what builds a space's models: the user's code, or what describes the space."""
    own, recipe = space.definition.code, space.recipe
    return [own if recipe is None else recipe, space.domain.to_json()]


class _Survey:
    """Collects the parts of what is visited."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self._seen: dict[int, Any] = {}  # the objects, too: an id may be given twice otherwise
        self._stored: set[str] = set()

    def lasting_parts(self) -> dict[str, str]:
        """Returns the parts but for attributes that the code itself sets."""
        return {
            name: part
            for name, part in sorted(self.parts.items())
            if part.startswith("code ") or name.rpartition(".")[2] not in self._stored
        }

    def visit(self, name: str, value: Any) -> None:
        """Adds the parts of a value that is called `name`."""
        value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, _PLAIN):
            self._add(name, repr(value))
        elif isinstance(value, str | bytes | Path | range | np.dtype):
            self._add(name, f"text {text_hash(repr(value))}")
        elif isinstance(value, ModuleType):
            self._add(name, value.__name__)
        elif isinstance(value, np.ndarray):
            self._add(name, f"array {text_hash(json.dumps(array_fingerprint(value)))}")
        elif hasattr(value, "to_numpy") and hasattr(value, "index"):  # a pandas frame or series
            self.visit(name, [list(getattr(value, "columns", ())), np.asarray(value)])
        elif id(value) not in self._seen:
            self._seen[id(value)] = value
            if isinstance(value, (list, tuple, set, frozenset, *_DICTIONARIES)):
                self._visit_container(name, value)
                del self._seen[id(value)]
            else:
                self._visit_object(name, value)

    def _add(self, name: str, text: str) -> None:
        if self.parts.setdefault(name, text) != text:
            self.parts[name] = f"hash {text_hash(self.parts[name] + text)}"

    def _visit_object(self, name: str, value: Any) -> None:
        if isinstance(value, FunctionType):
            self._visit_function(name, value)
        elif isinstance(value, MethodType):
            self.visit(name, value.__func__)
            self.visit(_name(value.__self__), value.__self__)
        elif isinstance(value, type):
            self._visit_class(name, value)
        elif isinstance(value, functools.partial):
            self.visit(name, value.func)
            self.visit(f"{name} arguments", [value.args, value.keywords])
        else:
            self._visit_instance(name, value)

    def _visit_container(self, name: str, value: Any) -> None:
        """Adds one part for the values, and those of the user's code among them."""
        if isinstance(value, _DICTIONARIES):
            listed = {f"[{key!r}]": item for key, item in value.items()}
        else:
            ordered = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
            listed = {f"[{place}]": item for place, item in enumerate(ordered)}
        own = self._without_code(listed)
        self._add(name, f"values {text_hash(json.dumps([len(listed), own]))}")

    def _without_code(self, listed: dict[str, Any]) -> dict[str, str]:
        """Adds the parts of the user's code among values, and returns the other ones."""
        inner = _Survey()
        inner._seen, inner._stored = self._seen, self._stored
        for key, item in listed.items():
            inner.visit(key, item)
        for key, part in inner.parts.items():
            if not key.startswith(("[", "(")):
                self._add(key, part)
        return {key: part for key, part in inner.parts.items() if key.startswith(("[", "("))}

    def _visit_function(self, called: str, function: FunctionType) -> None:
        code = function.__code__
        if not _is_users(code.co_filename):
            self._add(called, f"{function.__module__}.{function.__qualname__}")
            return
        name = _name(function)
        self._add(name, f"code {_code_hash(code)}")
        for argument, value in _defaults(function):
            self.visit(f"{name}.{argument}", value)
        reads = _Reads(code)
        for cell_name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            if cell_name not in reads.changed and cell_name != "__class__":
                try:
                    self._visit_read(name, cell_name, cell.cell_contents, reads)
                except ValueError:  # it has no value yet
                    continue
        for read in sorted(reads.names - reads.changed):
            if read in function.__globals__:
                self._visit_read(name, read, function.__globals__[read], reads)
        if name.rpartition(".")[2] != "__init__":
            self._stored |= reads.stored

    def _visit_read(self, owner: str, name: str, value: Any, reads: _Reads) -> None:
        if isinstance(value, ModuleType):
            if _is_users(getattr(value, "__file__", None) or "<built-in>"):
                for attribute in sorted(reads.attributes & set(vars(value))):
                    self.visit(f"{name}.{attribute}", vars(value)[attribute])
        else:
            self.visit(f"{owner}.{name}", value)

    def _visit_class(self, called: str, cls: type) -> None:
        if not _is_users_class(cls):
            self._add(called, f"{cls.__module__}.{cls.__qualname__}")
            return
        name = _name(cls)
        for attribute, value in list(vars(cls).items()):
            dunder = attribute.startswith("__") and not isinstance(value, FunctionType)
            if dunder or attribute.startswith("_abc_"):
                continue
            for part in _members(value):
                self.visit(f"{name}.{attribute}", part)
        for base in cls.__bases__:
            self.visit(f"{name}'s base {base.__name__}", base)

    def _visit_instance(self, name: str, value: Any) -> None:
        cls = type(value)
        if isinstance(value, DataSpec):  # the fingerprint of the data says it
            return
        if isinstance(value, Data):
            self._add(name, f"data {text_hash(json.dumps(value.fingerprint))}")
        elif isinstance(value, SearchSpace):
            self.visit(name, space_code(value))
        elif _is_value(cls):
            self._visit_value(name, value)
        else:
            inner = getattr(value, "__wrapped__", None) or getattr(value, "python_function", None)
            if inner is not None:  # functools.cache, tf.function
                self.visit(name, inner)
            attributes = list(_attributes(value))
            if attributes or _is_users_class(cls):  # other objects, such as a lock, say nothing
                self.visit(f"{name} is a", cls)
            for attribute, part in attributes:
                self.visit(f"{name}.{attribute}", part)

    def _visit_value(self, name: str, value: Any) -> None:
        """Adds the fields, marked as ours: the next version of the package may name others."""
        fields = {f"({n})": getattr(value, n) for n in type(value).__dataclass_fields__}
        for field, part in self._without_code(fields).items():
            self._add(f"{name}{field}", f"{_OURS}{part}")


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """Yields what an object holds: one of the user's class or of Keras's, or a namespace."""
    cls = type(value)
    of_keras = hasattr(value, "get_config")
    if of_keras and hasattr(value, "weights"):
        # Training changes a layer; its configuration stays.
        for place, layer in enumerate(getattr(value, "layers", [value])):
            yield f"layers[{place}]", [type(layer), _configuration(layer)]
    elif _is_users_class(cls) or isinstance(value, _NAMESPACES):
        slots = [name for base in cls.__mro__ for name in _slots(base) if hasattr(value, name)]
        held = {name: getattr(value, name) for name in slots} | getattr(value, "__dict__", {})
        for name, part in sorted(held.items()):
            automatic = of_keras and name in _NAMES
            if not (automatic or isinstance(getattr(cls, name, None), functools.cached_property)):
                yield name, part
    elif of_keras:
        given = {**getattr(value, "_fn_kwargs", {}), **value.get_config()}  # Huber's leaves one out
        yield "config", _unnamed(given)


_NAMES = ("name", "_name", "_auto_name")  # Keras counts them: the same code gives others


def _configuration(layer: Any) -> Any:
    try:
        return _unnamed(layer.get_config())
    except Exception:  # noqa: BLE001 - a layer of the user's own need not tell one
        return None


def _unnamed(config: Any) -> Any:
    """Returns a configuration without names, which Keras counts, and shapes that it built."""
    if isinstance(config, dict):
        left_out = ("name", "build_config")
        return {key: _unnamed(part) for key, part in config.items() if key not in left_out}
    return [_unnamed(part) for part in config] if isinstance(config, list) else config


def _slots(cls: type) -> tuple[str, ...]:
    names = vars(cls).get("__slots__", ())
    named = (names,) if isinstance(names, str) else tuple(names)
    return tuple(name for name in named if name not in ("__dict__", "__weakref__"))


class _Reads:
    """The names that a function's code reads, those of the functions within it included."""

    def __init__(self, code: CodeType) -> None:
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.changed: set[str] = set()
        self.stored: set[str] = set()
        for one in _nested(code):
            self._read(list(dis.get_instructions(one)))

    def _read(self, steps: list[dis.Instruction]) -> None:
        loads: dict[tuple[int | None, int | None], str] = {}
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            place = step.positions.lineno, step.positions.col_offset  # type: ignore[union-attr]
            if step.opname in _GLOBAL or step.opname in _CLOSURE:
                if step.opname in _GLOBAL:
                    self.names.add(step.argval)
                loads[place] = step.argval
                if following and following.opname in _ATTRIBUTES and following.argval in _CHANGING:
                    self.changed.add(step.argval)
            elif step.opname in _ATTRIBUTES:
                self.attributes.add(step.argval)
            elif step.opname == "STORE_ATTR":
                self.stored.add(step.argval)
            elif step.opname in _STORES:
                self.changed.add(step.argval)
            elif step.opname in ("STORE_SUBSCR", "DELETE_SUBSCR") and place in loads:
                self.changed.add(loads[place])


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _code_hash(code: CodeType) -> str:
    """Returns a hash of the instructions: what they do, not where they are written."""
    steps = [
        (step.opname, _code_hash(step.argval))
        if isinstance(step.argval, CodeType)
        else (step.opname, _written(step.argval))
        for step in dis.get_instructions(code)
    ]
    shape = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_varnames
    return text_hash(repr((shape, code.co_flags, code.co_exceptiontable, steps)))


def _written(value: Any) -> str:
    # The order of a set differs from process to process.
    return repr(sorted(value, key=repr)) if isinstance(value, frozenset) else repr(value)


def _defaults(function: FunctionType) -> Iterator[tuple[str, Any]]:
    values = function.__defaults__ or ()
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    yield from zip(names[len(names) - len(values) :], values, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def _members(value: Any) -> Iterator[Any]:
    """Yields what a class's attribute consists of."""
    if isinstance(value, property):
        yield from (part for part in (value.fget, value.fset) if part is not None)
    elif isinstance(value, staticmethod | classmethod):
        yield value.__func__
    elif isinstance(value, functools.cached_property):
        yield value.func
    else:
        yield value


def _is_users(file: str) -> bool:
    """Whether code in a file is the user's: of no library, Python or this package."""
    if file.startswith("<frozen") or file == "<built-in>":
        return False
    return not (file.startswith(_LIBRARY) or any(part in _INSTALLED for part in Path(file).parts))


def _is_users_class(cls: type) -> bool:
    if cls.__module__ in ("builtins", "__main__"):  # a kernel's main module is in a library's file
        return cls.__module__ == "__main__"
    module = sys.modules.get(cls.__module__)
    return _is_users(getattr(module, "__file__", None) or f"<{cls.__module__}>")


def _is_value(cls: type) -> bool:
    """Whether instances never change: frozen dataclasses of this package."""
    frozen = getattr(getattr(cls, "__dataclass_params__", None), "frozen", False)
    return bool(frozen) and cls.__module__.startswith("nas_nb.")


def _name(value: Any) -> str:
    name = getattr(value, "__qualname__", None) or type(value).__qualname__
    return str(name).replace("<locals>.", "")
