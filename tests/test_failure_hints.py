from __future__ import annotations

import pytest

from nas_nb.errors import failure_hint

OOM = "OOM when allocating tensor with shape[64,500] and type float"


@pytest.mark.parametrize(
    ("kind", "cause", "told"),
    [
        ("ResourceExhaustedError", OOM, "Out of memory for a tensor of shape (64, 500): take"),
        ("MemoryError", "", "Out of memory: take smaller layers"),
        ("XlaRuntimeError", "RESOURCE_EXHAUSTED: Out of memory while", "Out of memory: take"),
        (
            "ValueError",
            "Computed output size would be zero or negative. Received: `inputs.shape=[None 8 8 1]`"
            ", `pool_size=[16 16]`, `strides=(16, 16)`, `padding=valid`.",
            "An input of shape (None, 8, 8, 1) is too small for the pool of (16, 16): take",
        ),
        (
            "ValueError",
            "Input 0 with name 'None' of layer 'dense' is incompatible with the layer: expected "
            "axis -1 of input shape to have value 81, but received input with shape (None, 64)",
            "Layer 'dense' expects 81 in axis -1, and got an input of shape (None, 64): change",
        ),
    ],
)
def test_a_common_failure_says_what_to_change(kind: str, cause: str, told: str) -> None:
    assert (failure_hint(kind, cause) or "").startswith(told)


def test_labels_beyond_the_outputs_are_one_reason_whichever_label_came_first() -> None:
    said = "Received a label value of {} which is outside the valid range of [0, 5).  Label values"
    nine, six = (failure_hint("InvalidArgumentError", said.format(label)) for label in (9, 6))
    assert nine == six
    assert (nine or "").startswith("A label is 5 or more, and the model has 5 outputs: the last")


def test_a_dilated_kernel_is_told_as_keras_does() -> None:
    cause = (
        "Computed output size would be zero or negative. Received `inputs shape=(None, 4, 4, 4)`, "
        "`kernel shape=(3, 3, 4, 4)`, `dilation_rate=[2 2]`, `strides=(1, 1)`, `padding=valid`."
    )
    assert failure_hint("ValueError", cause) is None


def test_what_is_not_known_gets_no_hint() -> None:
    assert failure_hint("ValueError", "sizes must be even") is None
