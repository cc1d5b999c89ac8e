"""What bad input gets: `NasError` and its subclasses; why a trial failed, in one sentence."""

from __future__ import annotations

import difflib
import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from itertools import dropwhile
from typing import Any, TypeGuard

_OF_KERAS_TUNER = (
    "FailedTrialError",
    "FatalError",
    "FatalRuntimeError",
    "FatalTypeError",
    "FatalValueError",
)


# What a terminal obeys, turns the direction of a text, or is half a character that can't be sent.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Returns a text as it can be shown: characters that would steer a terminal are spelled out."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def printable_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values by name, names and texts as they can be shown: all of it is Unicode."""
    return {
        printable(name): printable(value) if isinstance(value, str) else value
        for name, value in values.items()
    }


class NasError(ValueError):
    """An error that the reader can mend: it says what was expected, what came, and what to do."""

    def __str__(self) -> str:
        return printable(super().__str__())

    def _render_traceback_(self) -> list[str]:
        """Lets IPython show the sentence alone: the stack would only show our own frames."""
        return [f"{type(self).__name__}: {self}"]


class DataError(NasError):
    """The data can't be used as given."""


class SpaceError(NasError):
    """The search space, or a point of it, is not legal."""


class StrategyError(NasError):
    """The strategy is unknown, or its options or proposals are not legal."""


class BudgetError(NasError):
    """The budget allows nothing, or is missing."""


class MeasureError(NasError):
    """A cost or a proxy is not defined for this model."""


class JournalError(NasError):
    """The journal can't be read, or is being written by another kernel."""


class JournalWriteError(JournalError):
    """The journal can't be written now: a full disk, a deleted or read-only folder."""


class SearchError(NasError):
    """The search can't do that in the state it is in."""


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is an int; True and False are no numbers."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is an int or a float; True and False are no numbers."""
    return is_whole(value) or isinstance(value, float)


LARGEST = 2**63 - 1
"""The greatest whole number that is taken: more no machine counts, and floats end soon after."""


def shown(value: object) -> str:
    """Returns a value as an error shows it: short, and also where its `repr` fails."""
    try:
        return f"{value!r:.200}"
    except Exception:  # noqa: BLE001 - whatever the value's own code raises
        return f"a {type(value).__name__} that can't be shown"


def can_iterate(value: object) -> TypeGuard[Iterable[Any]]:
    """Returns whether a value has elements: an array without dimensions is iterable by its type."""
    try:
        iter(value)  # type: ignore[call-overload]
    except TypeError:
        return False
    return True


def check_whole(
    owner: str,
    name: str,
    value: object,
    low: int,
    high: int | None = None,
    *,
    error: type[NasError] = NasError,
) -> None:
    """Raises unless `value` is an int from `low` to `high`, or of 64 bits; `owner` asks, or ""."""
    if is_whole(value) and low <= value <= (LARGEST if high is None else high):
        return
    if high is None and is_whole(value) and value > LARGEST:
        high = LARGEST
    wanted = f"{low} or more" if high is None else f"from {low} to {high}"
    raise error(
        f"{owner + ' expected' if owner else 'Expected'} `{name}` to be a whole number, {wanted}. "
        f"Received: {name}={shown(value)}."
    )


def check_type(
    name: str,
    value: object,
    kinds: type | tuple[type, ...],
    wanted: str,
    *,
    error: type[NasError] = NasError,
) -> None:
    """Raises an error unless `value` is of one of these kinds, which `wanted` says in words."""
    if not isinstance(value, kinds):
        raise error(
            f"Expected `{name}` to be {wanted}. Received: {name}={shown(value)} "
            f"(of type {type(value).__name__})."
        )


def check_flags(error: type[NasError], **flags: object) -> None:
    """Raises an error unless each is True or False: an array, say, is neither."""
    for name, flag in flags.items():
        check_type(name, flag, bool, "True or False", error=error)


class NasWarning(UserWarning):
    """Something that is no error, and that the reader should know."""


def tell(text: str) -> None:
    """Warns of something, at the first line of the stack that is not this package's."""
    level, frame = 1, sys._getframe()  # noqa: SLF001 - as `warnings` itself does
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("nas_nb"):
        level, frame = level + 1, frame.f_back
    warnings.warn(printable(text), NasWarning, stacklevel=level)


def reason_of(error: Exception) -> str:
    """Returns what an error says, in one line of 200 characters at most."""
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(told).split())[:200]


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns ``" Did you mean 'x'?"`` for the known name nearest to `name`, or an empty string."""
    spelled = {each.lower(): each for each in known}
    matches = difflib.get_close_matches(name.lower(), spelled, n=1)
    return f" Did you mean '{spelled[matches[0]]}'?" if matches else ""


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


def failure_sentence(message: str | None) -> str:
    """Returns the sentence of a failure, of which KerasTuner keeps the whole stack trace."""
    # What counts is the error at its end: class, Keras's layer, and the first line of the cause.
    lines = [line for line in _COLOURS.sub("", message or "").splitlines() if line.strip()]
    if not lines:
        return "It gave no reason."
    traces = [number for number, line in enumerate(lines) if line == _TRACE]
    own = lines[traces[-1] + 1 :] if traces else []
    own = list(dropwhile(lambda line: line.startswith(" "), own))
    line = _told(own) if own else lines[0].strip()
    return line if len(line) <= _LIMIT else line[: _LIMIT - 1] + "…"


def _told(own: list[str]) -> str:
    """Tells an error by the lines that a stack trace ends with."""
    named = _ERROR.match(own[0])
    kind, first = (named[1], named[2] or "") if named else ("", own[0])
    layer, cause = _cause([first, *own[1:]])
    hint = failure_hint(kind, cause)
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


_MEMORY = re.compile(
    r"OOM when allocating|out of memory|unable to allocate|failed to allocate", re.IGNORECASE
)
_MEMORY_KINDS = ("ResourceExhaustedError", "MemoryError", "_ArrayMemoryError")
_TENSOR = re.compile(r"shape ?[\[(]([\d, ]+)[\])]")
_LABEL = re.compile(
    r"Received a label value of (-?\d+) which is outside the valid range of \[0, (\d+)\)"
)
_INPUT = re.compile(
    r"Input \d+ (?:with name .* )?of layer '?([\w.]+)'? is incompatible with the layer: "
    r"expected (.+?)[,.] (?:but received input with|but received|found|Full).*?"
    r"shape(?: received:)? (\(.*\))$"
)
_TOO_SMALL = re.compile(
    r"Computed output size would be zero or negative\. Received:? "
    r"`inputs[ .]shape=(?P<input>[^`]+)`, `(?P<what>kernel|pool)[ _](?:shape|size)=(?P<size>[^`]+)`"
    r"(?:, `dilation_rate=[\[(]1(?:,? 1)*,?[\])]`)?, `strides"
)


def failure_hint(kind: str, cause: str) -> str | None:
    """Returns a common failure as one sentence that says what to change."""
    if kind in _MEMORY_KINDS or _MEMORY.search(cause):
        return _out_of_memory(cause)
    if label := _LABEL.search(cause):
        return _label(int(label[1]), int(label[2]))
    if small := _TOO_SMALL.search(cause):
        return (
            f"An input of shape {_shape(small['input'])} is too small for the {small['what']} of "
            f"{_shape(small['size'])}: take a smaller one, padding='same' or fewer layers."
        )
    if given := _INPUT.search(cause):
        return (
            f"Layer '{given[1]}' expects {_wanted(given[2])}, and got an input of shape {given[3]}"
            ": change the layer before it, or the shape in keras.Input."
        )
    return None


def _out_of_memory(cause: str) -> str:
    tensor = _TENSOR.search(cause)
    what = f" for a tensor of shape {_shape(tensor[1])}" if tensor else ""
    return f"Out of memory{what}: take smaller layers or a smaller batch."


def _label(value: int, outputs: int) -> str:
    # Which label came first depends on the order of the samples: one fault has one sentence.
    if value < 0:
        return "A label is below 0: the loss takes whole numbers from 0."
    return (
        f"A label is {outputs} or more, and the model has {outputs} outputs: the last layer needs "
        "a unit for every class."
    )


def _wanted(text: str) -> str:
    text = re.sub(r"^(min_)?ndim=(\d+)$", r"\2 dimensions\1", text)
    text = text.replace("dimensionsmin_", "dimensions or more")
    return re.sub(r"^axis (-?\d+) of input shape to have value (\d+)$", r"\2 in axis \1", text)


def _shape(text: str) -> str:
    """Writes a shape in the one way: "[None 8 8 1]" as "(None, 8, 8, 1)"."""
    sizes = re.findall(r"\w+", text)
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def __getattr__(name: str) -> object:
    """Lets `nas_nb.errors` stand for `keras_tuner.errors` in a program that was written for it."""
    if name not in _OF_KERAS_TUNER:
        near = nearest(name, _OF_KERAS_TUNER)
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'.{near}")
    from keras_tuner import errors

    return getattr(errors, name)
