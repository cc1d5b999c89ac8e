from __future__ import annotations

from matplotlib.figure import Figure

from nas_nb.notebook.plots.diagram import draw_layout
from nas_nb.space.graph import chain_graph, lay_out
from nas_nb.spaces.nasbench201 import nasbench201_cell


def test_every_box_and_arrow_is_drawn_on_the_given_axes() -> None:
    picture = lay_out(chain_graph(("in", "step", "out")))
    ax = Figure().add_subplot()
    assert draw_layout(picture, ax) is ax
    assert len(ax.patches) == len(picture.boxes) + len(picture.arrows)
    assert [text.get_text() for text in ax.texts] == ["in", "step", "out"]


def test_architecture_draws_itself() -> None:
    text = "|nor_conv_1x1~0|+|none~0|skip_connect~1|"
    ax = nasbench201_cell(nodes=3).architecture(text).diagram()
    words = {each.get_text() for each in ax.texts}
    assert words == {"input", "1", "output", "nor_conv_1x1", "skip_connect"}
    ax.figure.canvas.draw()


def test_space_draws_its_parameters() -> None:
    ax = nasbench201_cell(nodes=3).diagram(Figure().add_subplot())
    assert len(ax.texts) == 6  # three names, and below each its values
