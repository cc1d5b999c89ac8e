from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from nas_nb.notebook.plots.diagram import diagram_image, differing, draw_layout
from nas_nb.notebook.plots.figures import ground
from nas_nb.space.graph import Edge, Graph, Node, chain_graph, lay_out
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


@pytest.mark.parametrize("dark", [None, False, True])
def test_image_without_axes_is_what_is_drawn_on_axes(dark: bool | None) -> None:
    nodes = (Node("a", "in $x$", "input"), Node("b", "Dense 8\n8, 72 params"), Node("c", "out"))
    edges = (Edge("a", "b"), Edge("b", "c"), Edge("a", "c", "skip $y$"))
    layout = lay_out(Graph(nodes, edges))
    shown = diagram_image(layout, "alt", {1}, dark=dark)
    png = base64.b64decode(shown.partition("base64,")[2].partition('"')[0])
    size = (layout.width + 0.3, layout.height + 0.3)
    face = "white" if dark is None else ground(dark=dark)
    canvas = FigureCanvasAgg(Figure(figsize=size, dpi=150, facecolor=face))
    draw_layout(layout, canvas.figure.add_axes((0, 0, 1, 1)), {1})
    canvas.draw()
    np.testing.assert_array_equal(Image.open(io.BytesIO(png)), canvas.buffer_rgba())
