from __future__ import annotations

import traceback

import pytest

from nas_nb.errors import SpaceError
from nas_nb.notebook.magics import space_of_cell

CHOICES = "{'layers': ['Dense'], 'units': [2], 'activations': ['relu']}"


def test_a_dict_at_the_end_is_the_space(shell):
    assert space_of_cell(shell, CHOICES)["units"] == [2]


def test_the_only_dict_that_is_assigned_is_the_space(shell):
    body = f"widths = [2, 3]\nchoices = {CHOICES}\nchoices['units'] = widths"
    assert space_of_cell(shell, body)["units"] == [2, 3]


def test_a_build_function_is_the_space_whatever_else_is_there(shell):
    space = space_of_cell(shell, f"other = {CHOICES}\ndef build(hp):\n    return hp\n")
    assert space is shell.user_ns["build"]


def test_the_cell_sees_the_notebooks_variables(shell):
    shell.user_ns["widths"] = [5]
    assert space_of_cell(shell, "dict(units=widths)") == {"units": [5]}


def test_a_build_function_of_an_earlier_cell_does_not_count(shell):
    shell.user_ns["build"] = print
    with pytest.raises(SpaceError, match="Received: none"):
        space_of_cell(shell, "x = 1")


@pytest.mark.parametrize(("body", "found"), [("", "none"), ("a = {}\nb = {}", "a, b")])
def test_no_space_and_two_spaces_are_refused(shell, body, found):
    with pytest.raises(SpaceError, match=found):
        space_of_cell(shell, body)


def test_an_error_of_the_cell_shows_its_line(shell):
    with pytest.raises(ZeroDivisionError) as caught:
        space_of_cell(shell, "x = 1\ny = x / 0\n")
    assert "y = x / 0" in "".join(traceback.format_exception(caught.value))
