from __future__ import annotations

import pytest

from nas_nb.errors import SpaceError
from nas_nb.spaces.ready_space import parse_literal_call


def test_literals_and_ranges_are_read() -> None:
    found = parse_literal_call(
        "name = F(a=[1, ('x', 2)], b=range(2, 5))", "F", ("a", "b"), "F(a=1)"
    )
    assert found == {"a": [1, ("x", 2)], "b": [2, 3, 4]}


@pytest.mark.parametrize(
    "text", ["", "F", "F(a=open('x'))", "F(a=b)", "G(a=1)", "import os", "F(a=range('x'))", "F(a=1"]
)
def test_anything_else_is_refused_and_never_run(text: str) -> None:
    with pytest.raises(SpaceError, match=r"an architecture like F\(a=1\)"):
        parse_literal_call(text, "F", ("a",), "F(a=1)")


@pytest.mark.parametrize("text", ["F(b=1)", "F(1, a=1)", "F(a=1, b=2)", "F()"])
def test_all_arguments_have_to_be_named(text: str) -> None:
    with pytest.raises(SpaceError, match="Expected F with a by name"):
        parse_literal_call(text, "F", ("a",), "F(a=1)")
