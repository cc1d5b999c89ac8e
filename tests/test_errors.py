from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from nas_nb.errors import NasError, StrategyError, check_whole


@pytest.mark.parametrize("value", [0, 11, 2.0, "3", True, None, np.nan])
def test_what_is_no_whole_number_in_its_range_is_refused(value: object) -> None:
    said = r"^Strategy 'evolution' expected `sample` to be a whole number, from 1 to 10. Received: "
    with pytest.raises(StrategyError, match=said):
        check_whole("Strategy 'evolution'", "sample", value, 1, 10, error=StrategyError)
    with pytest.raises(NasError, match=r"^Expected `epochs` to be a whole number, from 1 to 10"):
        check_whole("", "epochs", value, 1, 10)


def test_the_ends_of_a_range_are_legal() -> None:
    for value in (1, 10):
        check_whole("", "epochs", value, 1, 10)
    check_whole("", "epochs", 10**9, 1)


def test_what_came_is_told_as_received(root: Path) -> None:
    told = [
        ast.unparse(node)
        for path in (root / "nas_nb").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant | ast.JoinedStr)
    ]
    assert [text for text in told if re.match(r"f?['\"]Expected .*, got ", text)] == []
