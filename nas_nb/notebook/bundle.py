"""What a cell's output holds: the same search for a live page, a saved notebook and a terminal."""

from __future__ import annotations

import base64
from typing import Any

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

Bundle = dict[str, Any]


def record_bundle(html: str, png: bytes, text: str) -> Bundle:
    """Returns the output that stays: readable without a kernel, and without widget state.

    A widget view in it would win over the rest in a page that trusts the notebook, and show
    "model not found" there as soon as the kernel is gone.
    """
    picture = base64.b64encode(png).decode("ascii")
    return {"text/html": html, "image/png": picture, "text/plain": text}


def live_bundle(widget: Any, record: Bundle) -> Bundle:
    """Returns the output while the search lives: the widget first, the record for other readers."""
    view = widget._repr_mimebundle_()[WIDGET_VIEW]
    return {WIDGET_VIEW: view, **record}
