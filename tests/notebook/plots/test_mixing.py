from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from nas_nb.notebook.plots.mixing import MOST_ROWS, describe_mixing, draw_mixing, mixing_info
from nas_nb.record.history import History
from tests.notebook.fakes import history_of, plot_context, tell


def learned(epochs: int = 4, choices: int = 2) -> History:
    history = history_of()
    for epoch in range(1, epochs + 1):
        weight = 0.5 + 0.4 * epoch / epochs
        mixing = {
            f"edge_0_{number}": [["none", 1 - weight], ["conv", weight]]
            for number in range(choices)
        }
        detail = {"epoch": epoch, "epochs": epochs, "mixing": mixing}
        tell(history, "prepared", strategy="darts", what="mixing", detail=detail)
    return history


def test_each_option_has_its_weights_and_the_greatest_at_the_end_wins() -> None:
    info = mixing_info(plot_context(learned()))
    assert [(one.choice, one.value, one.wins) for one in info.options] == [
        ("edge_0_0", "none", False),
        ("edge_0_0", "conv", True),
        ("edge_0_1", "none", False),
        ("edge_0_1", "conv", True),
    ]
    assert info.epochs == 4
    assert info.options[1].weights == pytest.approx((0.6, 0.7, 0.8, 0.9))


def test_the_latest_training_counts() -> None:
    history = learned(4)
    for epoch in (1, 2):
        detail = {"epoch": epoch, "epochs": 2, "mixing": {"depth": [[1, 0.3], [2, 0.7]]}}
        tell(history, "prepared", strategy="darts", what="mixing", detail=detail)
    info = mixing_info(plot_context(history))
    assert info.choices == ("depth",)
    assert info.epochs == 2


def test_large_spaces_are_shown_in_part_and_said_to_be() -> None:
    info = mixing_info(plot_context(learned(1, choices=40)))
    assert len(info.options) == MOST_ROWS
    assert info.left_out == 10
    assert "10 more choices" in describe_mixing(info)


def test_winners_are_in_bold_and_the_rest_is_not() -> None:
    ax = draw_mixing(mixing_info(plot_context(learned())), Figure().add_subplot())
    ax.figure.canvas.draw()
    weights = {label.get_text(): label.get_fontweight() for label in ax.get_yticklabels()}
    assert weights["edge_0_0  conv"] == "bold"
    assert weights["edge_0_0  none"] == "normal"
    (image,) = ax.get_images()
    assert image.get_array().shape == (5, 4, 4)  # in colours: four options, a gap, and four epochs


def test_it_is_told_in_words() -> None:
    assert "surest edge_0_0 conv with 0.90" in describe_mixing(mixing_info(plot_context(learned())))
    assert "no mixture" in describe_mixing(mixing_info(plot_context(history_of(0.5))))
