"""Common failures of candidates, in the user's words and with what to change."""

from __future__ import annotations

import re

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


def hinted(kind: str, cause: str) -> str | None:
    """Returns a common failure as one sentence that says what to change.

    Args:
        kind: The error's class.
        cause: What it says, in one line.

    Returns:
        The sentence, of nothing but what the error says; None for an error that isn't known here.
    """
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
