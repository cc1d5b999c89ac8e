from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_nb.errors import JournalError
from nas_nb.record.events import (
    FIELDS,
    JOURNAL_VERSION,
    EventKind,
    check_fields,
    decode,
    encode,
    make_event,
)

words = st.sampled_from(["NaN", "Infinity", "-Infinity", "\\NaN", "\\\\Infinity"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | words
names = st.text(max_size=5).filter(lambda name: name not in ("event", "time"))
nested = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
fields = st.dictionaries(names, nested, max_size=4)


@given(fields)
def test_an_event_comes_back_as_it_was_written(given_fields: dict[str, Any]) -> None:
    event = make_event(EventKind.STEERED, 1.5, given_fields)
    assert repr(decode(encode(event))) == repr(event)


@given(fields)
def test_an_event_is_one_line_of_ascii(given_fields: dict[str, Any]) -> None:
    line = encode(make_event(EventKind.STEERED, 1.5, given_fields))
    assert line.count(b"\n") == 1
    assert line.isascii()


@given(fields, st.data())
def test_a_part_of_a_line_is_no_event(given_fields: dict[str, Any], data: st.DataObject) -> None:
    line = encode(make_event(EventKind.STEERED, 1.5, given_fields))
    assert decode(line[: data.draw(st.integers(0, len(line) - 1))]) is None


def test_numbers_that_json_lacks_are_written_as_words() -> None:
    logs = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": np.float32("nan")}
    line = encode({"event": "epoch_ended", "logs": logs})
    assert line == (
        b'{"event": "epoch_ended", "logs": '
        b'{"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": "NaN"}}\n'
    )


def test_numpy_numbers_are_written_as_plain_ones() -> None:
    event = {"event": "x", "i": np.int32(1), "f": np.float32(0.5), "a": np.arange(2)}
    assert decode(encode(event)) == {"event": "x", "i": 1, "f": 0.5, "a": [0, 1]}


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(JournalError, match=r"text, numbers.*object object"):
        encode({"event": "steered", "detail": object()})


def test_a_line_that_holds_no_event_is_none() -> None:
    for line in (b"\n", b"[]\n", b"{}\n", b'{"event": 1}\n', b'{"event": "x"} 1\n', b"\xff\n"):
        assert decode(line) is None


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(JournalError, match="Did you mean 'epoch_ended'"):
        make_event("epoch_end", 0.0, {})


def test_only_the_opening_carries_the_version_of_the_format() -> None:
    assert make_event(EventKind.SEARCH_OPENED, 0.0, {})["journal"] == JOURNAL_VERSION
    assert "journal" not in make_event(EventKind.STEERED, 0.0, {})


def test_every_kind_says_which_fields_it_carries() -> None:
    assert set(FIELDS) == set(EventKind)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"event": "epoch_ended", "trial": 0, "epoch": 1}, "logs of type dict"),
        ({"event": "epoch_ended", "trial": "0", "epoch": 1, "logs": {}}, "trial of type int"),
        ({"event": "epoch_ended", "trial": 0, "epoch": 1, "logs": {"a": None}}, "a=None"),
        ({"event": "trial_ended", "trial": 0, "status": "failed", "score": "x"}, "score"),
        ({"event": "trial_built", "trial": 0, "costs": {"params": "many"}}, "params='many'"),
    ],
)
def test_a_field_of_the_wrong_type_is_named(event: dict[str, Any], says: str) -> None:
    with pytest.raises(JournalError, match=says):
        check_fields(event)
