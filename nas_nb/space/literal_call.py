"""Published architectures that are written as a call: read as literals, never run."""

from __future__ import annotations

import ast
from typing import Any

from nas_nb.errors import SpaceError


def read_call(text: str, function: str, arguments: tuple[str, ...], example: str) -> dict[str, Any]:
    """Returns the named arguments of a call such as ``Genotype(normal=[...], ...)``.

    Only literals are taken, and ``range`` of literals, which becomes a list. A name and an equals
    sign in front of the call are overlooked.

    Args:
        text: The call.
        function: What is called.
        arguments: The names that all have to be there, and no others.
        example: What such a text looks like, for the message.

    Raises:
        SpaceError: The text is something else.
    """
    try:
        statement = ast.parse(text.strip()).body[0]
        if not isinstance(statement, ast.Expr | ast.Assign):
            raise SyntaxError
        call = statement.value
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == function):
            raise SyntaxError
        found = {str(keyword.arg): _literal(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, TypeError, IndexError) as error:
        raise SpaceError(f"Expected an architecture like {example}, got {text!r}.") from error
    if call.args or set(found) != set(arguments):
        raise SpaceError(
            f"Expected {function} with {', '.join(arguments)} by name, got "
            f"{', '.join(found) or 'none of them'}."
        )
    return found


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "range":
        return list(range(*map(ast.literal_eval, node.args)))
    return ast.literal_eval(node)
