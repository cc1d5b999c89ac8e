"""Why a trial failed, in one line."""

from __future__ import annotations

import re

_LIMIT = 300
_NAMES_THE_LAYER = "Exception encountered when calling"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def one_line(message: str | None) -> str:
    """Returns the sentence of a failure.

    KerasTuner keeps a whole stack trace as a trial's message. Its first line after the last
    frame names the error; any other message gives its first line.

    Args:
        message: A sentence, a stack trace, or None.

    Returns:
        One line of at most 300 characters; "It gave no reason." for an empty message.
    """
    lines = [line for line in (message or "").splitlines() if line.strip()]
    if not lines:
        return "It gave no reason."
    frames = [i for i, line in enumerate(lines) if line.startswith('  File "')]
    start = frames[-1] if frames else 0
    # The source lines of a frame are indented; the error's own line is not.
    own = [line.strip() for line in lines[start:] if not line.startswith(" ")] or [
        lines[-1].strip()
    ]
    # Keras names the layer first, and the cause on the next line.
    line = " ".join(own[:2]) if _NAMES_THE_LAYER in own[0] else own[0]
    line = _COLOURS.sub("", line)
    return line if len(line) <= _LIMIT else line[: _LIMIT - 1] + "…"
