from __future__ import annotations

import ipywidgets as widgets

from nas_nb.notebook.output import (
    WIDGET_VIEW,
    as_text,
    in_theme,
    panel_bundle,
    record_bundle,
    saved_bundle,
)


def test_the_panel_and_the_record_are_two_outputs():
    widget = widgets.HTML()
    live = panel_bundle(widget)
    assert live.pop(WIDGET_VIEW)["model_id"] == widget.model_id
    assert live == {"text/plain": ""}


def test_the_record_is_shown_where_its_rules_are_dropped():
    record = record_bundle("<p>the record</p>", b"png", "text")
    saved = saved_bundle(record)
    rules, _, body = saved.pop("text/html").partition("</style>")
    assert saved == {"image/png": "cG5n", "text/plain": "text"}
    assert rules.startswith("<style>")
    assert body == f'<div class="nas-record">{as_text(in_theme("<p>the record</p>"))}</div>'
    assert body.endswith('<div class="nas-static"><p>the record</p></div></div></div>')
