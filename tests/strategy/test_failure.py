from __future__ import annotations

import traceback

import pytest

from nas_nb.strategy.failure import one_line


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
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_stack_trace_becomes_the_line_that_names_the_error(error: Exception, line: str) -> None:
    assert one_line(trace_of(error)) == line


def test_the_last_of_chained_errors_counts() -> None:
    try:
        try:
            raise KeyError("cause")
        except KeyError as cause:
            raise RuntimeError("effect") from cause
    except RuntimeError:
        assert one_line(traceback.format_exc()) == "RuntimeError: effect"


def test_a_sentence_stays_and_a_long_one_is_cut() -> None:
    assert one_line("No memory.\nMore words.") == "No memory."
    assert len(one_line("x" * 1000)) == 300


@pytest.mark.parametrize("nothing", [None, "", " \n "])
def test_no_message_says_so(nothing: str | None) -> None:
    assert one_line(nothing) == "It gave no reason."


def test_where_keras_names_the_layer_first_the_cause_is_kept() -> None:
    message = (
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\n'
        "ValueError: Exception encountered when calling Sequential.call().\n\n"
        "\x1b[1mInput 0 is incompatible: expected shape=(None, 28), found shape=(None, 8)\x1b[0m\n"
    )
    assert one_line(message) == (
        "ValueError: Exception encountered when calling Sequential.call(). "
        "Input 0 is incompatible: expected shape=(None, 28), found shape=(None, 8)"
    )
