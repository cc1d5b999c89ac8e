from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from nas_nb.notebook.plots.diagram import differing, draw_layout
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


def test_the_boxes_that_another_architecture_has_not_are_marked() -> None:
    one, two = (
        lay_out(chain_graph(labels)) for labels in (("in", "a", "b", "out"), ("in", "b", "out"))
    )
    assert differing(one) == set()
    assert differing(one, two) == {1}
    assert differing(two, one) == set()
    ax = draw_layout(one, Figure().add_subplot(), differing(one, two))
    widths = [patch.get_linewidth() for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    assert widths == [0.8, 2.5, 0.8, 0.8]
