"""PNG of a figure that is drawn again and again: quickly rather than small."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB, _BYTE = 2, 8


def canvas_png(canvas: FigureCanvasAgg) -> bytes:
    """Draws a figure on its canvas and returns that as PNG, without transparency.

    Its rows go into the file as they are. The filters that pillow tries row by row take three
    times as long, and make files of plots larger.
    """
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    return rgb_png(np.asarray(drawn)[..., :3])


def rgb_png(pixels: np.ndarray[Any, Any]) -> bytes:
    """Returns an image, uint8 of shape (height, width, 3), as PNG."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # 0, the first of a row: not filtered
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, _BYTE, _RGB, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 1)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check
