from __future__ import annotations

import traceback

import pytest

from nas_nb.errors import failure_sentence


def trace_of(error: Exception) -> str:
    try:
        raise error
    except type(error):
        return traceback.format_exc()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("too wide"), "ValueError: too wide"),
        (ValueError("first\n  indented\nlast"), "ValueError: first"),
        (MemoryError(), "Out of memory: take smaller layers or a smaller batch."),
        (KeyError(), "KeyError"),
    ],
)
def test_a_stack_trace_becomes_the_line_that_names_the_error(error: Exception, line: str) -> None:
    assert failure_sentence(trace_of(error)) == line


def test_the_last_of_chained_errors_counts() -> None:
    try:
        try:
            raise KeyError("cause")
        except KeyError as cause:
            raise RuntimeError("effect") from cause
    except RuntimeError:
        assert failure_sentence(traceback.format_exc()) == "RuntimeError: effect"


def test_a_sentence_stays_and_a_long_one_is_cut() -> None:
    assert failure_sentence("No memory.\nMore words.") == "No memory."
    assert len(failure_sentence("x" * 1000)) == 300


@pytest.mark.parametrize("nothing", [None, "", " \n "])
def test_no_message_says_so(nothing: str | None) -> None:
    assert failure_sentence(nothing) == "It gave no reason."


def test_where_keras_names_the_layer_first_the_cause_is_kept() -> None:
    message = (
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\n'
        "ValueError: Exception encountered when calling Sequential.call().\n\n"
        "\x1b[1mInput 0 is incompatible: expected shape=(None, 28), found shape=(None, 8)\x1b[0m\n"
    )
    assert failure_sentence(message) == (
        "ValueError in Sequential.call(): "
        "Input 0 is incompatible: expected shape=(None, 28), found shape=(None, 8)"
    )


TRACE = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\n'
TENSORFLOW = f"{TRACE}tensorflow.python.framework.errors_impl."
NODES = """
Detected at node loss/mse/sub defined at (most recent call last):
  File "a.py", line 102, in <module>

  File "b.py", line 81, in train_step

"""


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("no shapes: [32] vs. [32,10] [Op:__inference_1]", "no shapes: [32] vs. [32,10]"),
        (NODES + "no shapes: [2]\n\t [[{{node a/b}}]] [Op:c]", "no shapes: [2]"),
        ("2 root error(s) found.\n  (0) INVALID_ARGUMENT: no slice\n", "no slice"),
        ("assertion failed: [mine] [x (while/y/Max:0) = ] [1]", "assertion failed: [mine]"),
    ],
)  # fmt: skip
def test_the_cause_is_told_without_the_graph_around_it(said: str, line: str) -> None:
    message = f"{TENSORFLOW}InvalidArgumentError: Graph execution error:\n\n{said}\n"
    assert failure_sentence(message) == f"InvalidArgumentError: {line}"


def test_what_keras_says_about_shape_inference_gives_way_to_the_cause() -> None:
    message = (
        f"{TRACE}ValueError: Could not automatically infer the output shape / dtype of 'odd' (of "
        "type Odd). Either the `Odd.call()` method is incorrect, or you need to implement the "
        "`Odd.compute_output_spec() / compute_output_shape()` method. Error encountered:\n\n"
        "Dimension size must be evenly divisible by 7 but is 64 for '{{node Reshape}} = Reshape[T]"
        "(a, b)' with input shapes: [1,64], [2].\n"
    )
    assert failure_sentence(message) == (
        "ValueError in Odd.call(): Dimension size must be evenly divisible by 7 but is 64"
    )


def test_advice_after_a_long_cause_is_left_away() -> None:
    assert (
        failure_sentence(f"{TRACE}ValueError: {'No. ' * 60}")
        == f"ValueError: {'No. ' * 40}".strip()
    )
