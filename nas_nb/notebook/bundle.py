"""What a cell's outputs hold: one search for a live page, a saved notebook and a terminal."""

from __future__ import annotations

import base64
from typing import Any

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

Bundle = dict[str, Any]

# The stand-in is seen where the output above it shows no panel, and then takes that output's place.
# A page that doesn't trust the notebook drops these rules, and `hidden` too, but keeps an element's
# own style: there the stand-in stays hidden, and that output is the record itself.
_TAKE_THE_PLACE = """
.jp-OutputArea-child:not(:has(.nas-panel)) + .jp-OutputArea-child
  > .jp-OutputArea-output > .nas-stand-in { display: block !important; }
.jp-OutputArea-child:not(:has(.nas-panel)):has(+ .jp-OutputArea-child
  > .jp-OutputArea-output > .nas-stand-in) { display: none; }
"""


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


def stand_in_bundle(html: str) -> Bundle:
    """Returns the output below the panel's: the record, hidden for as long as the panel is there.

    A notebook that is saved while the search runs, and opened later by those who trust it, has a
    widget view whose model is gone with its kernel. This is what they read instead in JupyterLab
    and Notebook 7; a page that is built otherwise keeps it hidden.
    """
    note = "<p>As it was when the notebook was saved, with a kernel that is gone.</p>"
    hidden = f'<div class="nas-stand-in" style="display:none">{note}{html}</div>'
    return {"text/html": f"<style>{_TAKE_THE_PLACE}</style>{hidden}", "text/plain": ""}


def no_bundle() -> Bundle:
    """Returns an output that takes no room: one that was shown can't be taken back."""
    return {"text/html": "", "text/plain": ""}
