"""How source looks: line breaks, quotes, and which names are left to Keras."""

from __future__ import annotations

import re
from typing import Any

LINE_LENGTH = 88
"""Longer lines of source are broken at their arguments."""


def broken(prefix: str, head: str, arguments: tuple[str, ...], suffix: str = "") -> str:
    """Returns the lines of ``prefix head(arguments) suffix``: one, or one for each argument.

    Args:
        prefix: Indentation, and what stands before the call.
        head: What is called; empty for a list's brackets.
        arguments: The source of the arguments.
        suffix: What stands behind the call.
    """
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
