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
