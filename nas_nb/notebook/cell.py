"""The body of a `%%nas` cell: ordinary Python that describes a search space."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SpaceError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

BUILD = "build"


def space_of_cell(shell: InteractiveShell, body: str) -> Any:
    """Runs the cell's body in the user's namespace and returns the space that it describes.

    Returns:
        The value of its last expression if that is a space; else its function `build`; else the
        only space that it assigns to a variable.

    Raises:
        SpaceError: It describes none, or more than one.
        Exception: Whatever the body raises.
    """
    source = shell.transform_cell(body)
    filename = shell.compile.cache(source, shell.execution_count, raw_code=body)
    tree = ast.parse(source, filename)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compile(tree, filename, "exec"), shell.user_ns)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), filename, "eval"), shell.user_ns)
        if _is_space(value) or callable(value):
            return value
    return _named_space(tree, shell.user_ns)


def _named_space(tree: ast.Module, names: Mapping[str, Any]) -> Any:
    if any(isinstance(part, ast.FunctionDef) and part.name == BUILD for part in tree.body):
        return names[BUILD]
    spaces = [name for name in _assigned(tree) if _is_space(names.get(name))]
    if len(spaces) == 1:
        return names[spaces[0]]
    found = f"several ({', '.join(spaces)})" if spaces else "none"
    raise SpaceError(
        f"Expected one search space in the cell. Received: {found}. Define build(hp), or end "
        "the cell with a dict of choices: {'layers': ['Dense'], 'units': [32], "
        "'activations': ['relu']}."
    )


def _assigned(tree: ast.Module) -> list[str]:
    """Returns the names that the cell assigns at its top level, each once."""
    targets: list[ast.expr] = []
    for part in tree.body:
        if isinstance(part, ast.Assign):
            targets += part.targets
        elif isinstance(part, ast.AnnAssign):
            targets.append(part.target)
    return list(dict.fromkeys(target.id for target in targets if isinstance(target, ast.Name)))


def _is_space(value: object) -> bool:
    import keras_tuner as kt

    return isinstance(value, (dict, kt.HyperModel))
