from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from nas_nb.notebook import magic_arguments


def test_a_line_without_words_asks_for_the_status():
    asked = magic_arguments.line_parser().read("")
    assert (asked.action, asked.words) == ("status", [])


def test_a_cells_line_gives_a_name_and_options():
    line = "mine --max-time '2 min' --max-trials 7 --seed 0 --start"
    asked = vars(magic_arguments.cell_parser().read(line))
    given = {name: value for name, value in asked.items() if value is not None}
    assert given == {
        "name": "mine",
        "max_time": "2 min",
        "max_trials": 7,
        "seed": 0,
        "start": True,
    }


@pytest.mark.parametrize(
    ("parser", "line", "message"),
    [
        (magic_arguments.line_parser, "stat", "there is no 'stat'. Did you mean 'start'?"),
        (magic_arguments.cell_parser, "", "the following arguments are required: name"),
        (magic_arguments.cell_parser, "s --max-trails 3", "Did you mean '--max-trials'?"),
        (magic_arguments.cell_parser, "s --seed x", "argument --seed: invalid int value: 'x'"),
        (magic_arguments.cell_parser, "s --data", "argument --data: expected one argument"),
        (magic_arguments.cell_parser, "s --max-time '2 min", "No closing quotation"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(parser, line, message):
    with pytest.raises(UsageError) as caught:
        parser().read(line)
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    assert text.endswith("nas -h`.")


@pytest.mark.parametrize("parser", [magic_arguments.line_parser, magic_arguments.cell_parser])
def test_help_is_handed_over_and_exits_nothing(parser):
    with pytest.raises(magic_arguments.HelpAsked, match=r"usage: %%?nas"):
        parser().read("-h")


def test_the_help_names_every_action_and_option():
    text = magic_arguments.help_text()
    for word in (*magic_arguments.ACTIONS, *magic_arguments.cell_parser().options()):
        assert word in text
