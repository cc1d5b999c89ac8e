"""Why a trial failed, in one line."""

from __future__ import annotations

import re
from itertools import dropwhile

from nas_nb.strategy.failure_hints import hinted

_LIMIT = 300
_SHORT = 170
_TRACE = "Traceback (most recent call last):"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ERROR = re.compile(r"(?:[\w<>]+\.)*(\w+)(?:: ?(.*))?$")
_CALLED = re.compile(r"Exception encountered when calling (\w+)\.call\(\)\.$")
_INFERRED = re.compile(
    r"Could not automatically infer .* \(of type (\w+)\)\. .*Error encountered:$"
)
# What Keras and TensorFlow say around the cause: the way there, and the advice after it.
_AROUND = re.compile(
    r"Graph execution error:|Detected at node |File \"|\[\[\{\{|Hint: |Arguments received by |•"
    r"|Stack trace for op|\d+ root error|\d+ (successful|derived)|in user code:"
)
_NODES = re.compile(
    r"\{\{function_node [^}]*\}\} ?| \[Op:.*$| \[\[\{\{.*$| for '?\{\{node.*$| on /job:.*$"
    r"| \[\w+ \([\w/:]+\) = \].*$"
)
_STATUS = re.compile(r"^\(\d+\) [\w ]+: |^[A-Z]+_[A-Z_]+: ")


def one_line(message: str | None) -> str:
    """Returns the sentence of a failure.

    KerasTuner keeps a whole stack trace as a trial's message. What counts is the error that it
    ends in: its class, the layer that Keras was calling, and the first line that tells the cause,
    without what TensorFlow says about its graph. Any other message gives its first line.

    Args:
        message: A sentence, a stack trace, or None.

    Returns:
        One line of at most 300 characters, and mostly 150; "It gave no reason." for an empty
        message.
    """
    lines = [line for line in _COLOURS.sub("", message or "").splitlines() if line.strip()]
    if not lines:
        return "It gave no reason."
    traces = [number for number, line in enumerate(lines) if line == _TRACE]
    own = list(dropwhile(_is_frame, lines[traces[-1] + 1 :])) if traces else []
    line = _told(own) if own else lines[0].strip()
    return line if len(line) <= _LIMIT else line[: _LIMIT - 1] + "…"


def _is_frame(line: str) -> bool:
    return line.startswith(" ")


def _told(own: list[str]) -> str:
    """Tells an error by the lines that a stack trace ends with."""
    named = _ERROR.match(own[0])
    kind, first = (named[1], named[2] or "") if named else ("", own[0])
    layer, cause = _cause([first, *own[1:]])
    hint = hinted(kind, cause)
    if hint is not None:
        return hint
    where = f"{kind} in {layer}.call()" if layer else kind
    return ": ".join(part for part in (where, _shortened(cause, _SHORT - len(where))) if part)


def _cause(lines: list[str]) -> tuple[str, str]:
    """Returns the class of the layer that was called, or "", and the first line with a cause."""
    layer = ""
    for line in map(str.strip, lines):
        called = _CALLED.match(line) or _INFERRED.match(line)
        if called:
            layer = called[1]
        elif line and not _AROUND.match(line):
            return layer, _STATUS.sub("", _NODES.sub("", line)).strip()
    return layer, ""


def _shortened(cause: str, length: int) -> str:
    """Leaves whole sentences away from the end, but for the first, until the rest is short."""
    while len(cause) > length and (end := cause.rstrip(".").rfind(". ")) > 0:
        cause = cause[: end + 1]
    return cause
