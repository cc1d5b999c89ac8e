from __future__ import annotations

import ipywidgets as widgets

from nas_nb.notebook.output import WIDGET_VIEW, live_bundle, record_bundle, stand_in_bundle


def test_the_live_output_is_the_widget_and_the_record():
    widget = widgets.HTML()
    record = record_bundle("<p>", b"png", "text")
    live = live_bundle(widget, record)
    assert live.pop(WIDGET_VIEW)["model_id"] == widget.model_id
    assert live == record == {"text/html": "<p>", "image/png": "cG5n", "text/plain": "text"}


def test_the_stand_in_is_hidden_where_its_rules_are_dropped():
    rules, _, body = stand_in_bundle("<p>the record</p>")["text/html"].partition("</style>")
    assert rules.startswith("<style>")
    assert body.startswith('<div class="nas-stand-in" style="display:none">')
    assert "<p>the record</p>" in body
