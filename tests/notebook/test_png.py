import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from nas_nb.notebook.png import canvas_png, rgb_png


def pixels_of(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_png_holds_every_pixel_as_it_was():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert (pixels_of(rgb_png(pixels)) == pixels).all()


def test_canvas_is_drawn_as_matplotlib_saves_it():
    figure = Figure(figsize=(2, 1), dpi=50, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    figure.add_subplot().plot([0, 1], [1, 0])
    saved = io.BytesIO()
    figure.savefig(saved, format="png")
    assert (pixels_of(canvas_png(canvas)) == pixels_of(saved.getvalue())[..., :3]).all()
