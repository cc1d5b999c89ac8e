"""Imports go one way: no ring, types and late imports included, and none hidden in a string."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "nas_nb"


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
FRONT_DOORS = {module_name(path) for path in PACKAGE.rglob("__init__.py")}


def imported(tree: ast.Module) -> set[str]:
    """The modules of ours that a module imports anywhere: at load, in a function, for types."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = {f"{node.module}.{name.name}" for name in node.names}
            found |= {member if member in MODULES else node.module for member in members}
    return found & MODULES.keys()


# The front doors name what they let in; nothing behind them imports through them.
GRAPH = {name: imported(tree) - {name} for name, tree in MODULES.items() if name not in FRONT_DOORS}


def test_no_ring_of_imports() -> None:
    graphlib.TopologicalSorter(GRAPH).prepare()  # raises CycleError, which names the ring


@pytest.mark.parametrize("name", MODULES)
def test_no_import_is_hidden_in_a_string(name: str) -> None:
    hidden = [
        node.args[0].value
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith(("import_module", "__import__", "sys.modules.get"))
        and isinstance(node.args[0], ast.Constant)
        and str(node.args[0].value).startswith("nas_nb")
    ]
    assert hidden == []
