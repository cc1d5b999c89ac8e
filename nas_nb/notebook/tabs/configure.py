"""Settings before the start: what is searched, by whom, how long, and the same as code."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import ipywidgets as widgets

from nas_nb.notebook.coverage import coverage_text
from nas_nb.notebook.equivalent import magic_text, python_text
from nas_nb.notebook.options import about
from nas_nb.notebook.tabs.tab import Tab

if TYPE_CHECKING:
    from nas_nb.notebook.controls import Controls
    from nas_nb.notebook.tabs.tab import Desk


class ConfigureTab(Tab):
    """The controls, with what they come to.

    Args:
        desk: What it works with.
        controls: The settings.
    """

    title = "Configure"

    def __init__(self, desk: Desk, controls: Controls) -> None:
        self._desk = desk
        self._coverage, self._about, self._code = (widgets.HTML() for _ in range(3))
        self.widget = widgets.VBox(
            [self._coverage, controls.widget, self._about, controls.folder, self._code]
        )

    def paint(self, *, pictures: bool = True) -> None:
        """Brings the line about the budget and the code up to date."""
        search = self._desk.search
        self._coverage.value = (
            f'<p class="nas-coverage"><strong>{html.escape(coverage_text(search))}</strong></p>'
        )
        strategy = search.strategy
        told = f"{strategy.name}: {about(type(strategy))}"
        self._about.value = f'<p class="nas-help">{html.escape(told)}</p>'
        magic = f"# or, above a cell that describes the space\n{magic_text(search)}"
        code = f"{python_text(search)}\n\n{magic}"
        self._code.value = (
            '<p class="nas-caption">The same as code</p>'
            f'<pre tabindex="0" class="nas-code">{html.escape(code)}</pre>'
        )
