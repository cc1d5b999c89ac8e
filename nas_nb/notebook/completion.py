"""Completion on Tab of what follows `%nas` and `%%nas`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from nas_nb.notebook import arguments

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_MAGIC = re.compile(r"\s*(?:[\w.]+\s*=\s*)?(%%?)nas\s(.*)", re.DOTALL)
_TITLE = "nas_nb"


def load(shell: InteractiveShell) -> None:
    """Lets the shell complete what follows our magics."""
    unload(shell)

    @context_matcher(identifier=_TITLE)  # type: ignore[untyped-decorator]
    def match(context: CompletionContext) -> Any:
        found = candidates(context.text_until_cursor, context.token, shell.user_ns)
        # Without suppression the names of the notebook would be mixed in.
        completions = [SimpleCompletion(text=text, type="param") for text in found]
        return {"completions": completions, "suppress": bool(completions)}

    shell.Completer.custom_matchers.append(match)


def unload(shell: InteractiveShell) -> None:
    """Takes the completion away again."""
    matchers = shell.Completer.custom_matchers
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != _TITLE]


def candidates(text: str, token: str, names: dict[str, Any]) -> list[str]:
    """Returns what may stand where the cursor is.

    Args:
        text: The line up to the cursor.
        token: What of the last word has been written.
        names: The user's variables.
    """
    match = _MAGIC.fullmatch(text)
    if match is None:
        return []
    words = match[2].removesuffix(token).split()
    of = _of_cell if match[1] == "%%" else _of_line
    return [word for word in of(words, names) if word.startswith(token)]


def _of_line(words: list[str], names: dict[str, Any]) -> list[str]:
    if not words:
        return list(arguments.ACTIONS)
    if words[0] in ("pin", "without", "at_least", "at_most", "queue"):
        return _choices()
    values = {
        "data": lambda: _data(names),
        "open": _folders,
        "replay": _folders,
        "strategy": _strategies,
    }
    return values[words[0]]() if len(words) == 1 and words[0] in values else []


def _of_cell(words: list[str], names: dict[str, Any]) -> list[str]:
    values: dict[str, Callable[[], list[str]]] = {
        "--strategy": _strategies,
        "--data": lambda: _data(names),
    }
    if words and words[-1] in values:
        return values[words[-1]]()
    unused = [option for option in arguments.cell_parser().options() if option not in words]
    return unused if words else []


def _choices() -> list[str]:
    """Returns the choices of the current search's space, ready for a value."""
    session = sys.modules.get("nas_nb.search.session")
    search = session.current_search() if session is not None else None
    return [] if search is None else [f"{name}=" for name in search.space.domain.names]


def _folders() -> list[str]:
    """Returns the folders that searches wrote to where nobody chose one, the latest first."""
    journals = Path("nas_nb_runs").glob("*/journal.jsonl")
    return sorted((journal.parent.as_posix() for journal in journals), reverse=True)


def _strategies() -> list[str]:
    from nas_nb.strategy.names import STRATEGIES

    return list(STRATEGIES)


def _data(names: dict[str, Any]) -> list[str]:
    from nas_nb.data.ready import NAMES

    # A variable can only hold our data once their module is loaded.
    data = sys.modules["nas_nb.data"].Data
    return [*NAMES, *(name for name, value in names.items() if isinstance(value, data))]
