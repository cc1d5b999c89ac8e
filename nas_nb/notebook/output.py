"""Where output goes, in which forms, how it looks, how often."""

from __future__ import annotations

import base64
import html
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython import get_ipython

from nas_nb.environment import is_headless
from nas_nb.errors import printable
from nas_nb.notebook import wording
from nas_nb.notebook.wording import Snapshot

if TYPE_CHECKING:
    from nas_nb.search.search import Search

PERIOD_S = 1.0


def in_notebook() -> bool:
    """Tells whether there is a kernel with a page that shows widgets and pictures."""
    return hasattr(get_ipython(), "kernel") and not is_headless()


def page_runs_cell() -> bool:
    """Tells whether JupyterLab or Notebook runs the cell: other clients don't say which cell."""
    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and "cellId" in kernel.get_parent("shell").get("metadata", {})


def in_colab() -> bool:
    """Tells whether the page is Colab's: what another thread sends to its widgets stays unseen.

    It appears when the next cell runs (googlecolab/colabtools 3373). So a search has to run in the
    cell there, and is followed from its own thread.
    """
    return "google.colab" in sys.modules


def say(text: str) -> None:
    """Writes a line of text to the running cell, or to the terminal."""
    sys.stdout.write(f"{printable(text)}\n")


def wait_with_line(search: Search, wait: Callable[[float], None], timeout: float | None) -> None:
    """Waits for a search, and keeps one line of the terminal up to date meanwhile."""
    deadline = None if timeout is None else time.monotonic() + timeout
    width, said = 0, ""
    try:
        while True:
            left = PERIOD_S if deadline is None else deadline - time.monotonic()
            wait(min(PERIOD_S, max(0.0, left)))
            now = Snapshot(search)
            if (choice := printable(wording.choice_text(now))) != said:
                sys.stdout.write(f"\r{choice:<{width}}\n")
                said = choice
            line = printable(f"{wording.status_line(now)} {wording.time_line(now)}")
            sys.stdout.write(f"\r{line:<{width}}")
            sys.stdout.flush()
            width = len(line)
            if now.state is not now.state.RUNNING or left <= 0:
                return
    finally:
        sys.stdout.write("\n")


@contextmanager
def progress_line(text: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function that shows progress, at most once a second; nothing is left of it after."""
    due, handle, width = time.monotonic() + PERIOD_S, None, 0

    def told(done: int, of: int) -> None:
        nonlocal due, handle, width
        if time.monotonic() < due:
            return
        due = time.monotonic() + PERIOD_S
        line = text.format(done, of)
        if in_notebook():
            handle = _shown(line, handle)
        elif sys.stdout.isatty():
            sys.stdout.write(f"\r{line}")
            sys.stdout.flush()
            width = len(line)

    try:
        yield told
    finally:
        if handle is not None:
            handle.update(no_bundle(), raw=True)
        if width:
            sys.stdout.write(f"\r{'':{width}}\r")


def _shown(line: str, handle: Any) -> Any:
    from IPython.display import display

    page = {"text/html": f'<p role="status">{html.escape(line)}</p>', "text/plain": line}
    if handle is None:
        return display(page, raw=True, display_id=True)
    handle.update(page, raw=True)
    return handle


WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

Bundle = dict[str, Any]

# A page shows the panel or, where no kernel has it, the record below it, never both. A page that
# drops these rules, or is built otherwise, shows the record.
_TAKE_TURNS = """
.jp-OutputArea-child:has(.nas-panel) + .jp-OutputArea-child:has(.nas-record) { display: none; }
.jp-OutputArea-child:not(:has(.nas-panel)):has(+ .jp-OutputArea-child .nas-record) {
  display: none; }
"""
# A page in a dark theme makes white ground dark, dark lines light. Where a page drops these rules,
# pictures stay on white, and readable.
_IN_THEME = """
[data-jp-theme-light="true"] .nas-static img { mix-blend-mode: multiply; }
[data-jp-theme-light="false"] .nas-static img {
  filter: invert(1) hue-rotate(180deg); mix-blend-mode: screen; }
"""


def record_bundle(html: str, png: bytes, text: str) -> Bundle:
    """Returns the output that stays: readable without a kernel, and without widget state.

    A widget view in it would win over the rest in a page that trusts the notebook, and show
    "model not found" there as soon as the kernel is gone.
    """
    picture = base64.b64encode(png).decode("ascii")
    page = as_text(in_theme(html))
    return {"text/html": page, "image/png": picture, "text/plain": printable(text)}


def in_theme(html: str) -> str:
    """Returns HTML whose pictures on white follow the page's theme."""
    return f'<style>{_IN_THEME}</style><div class="nas-static">{html}</div>'


def as_text(page: str) -> str:
    """Returns HTML whose dollar signs stay text: MathJax leaves out what has these classes."""
    whole = page.encode("utf-8", "backslashreplace").decode()  # half a character can't be sent
    return f'<div class="mathjax_ignore tex2jax_ignore">{whole}</div>'


def live_bundle(widget: Any, record: Bundle) -> Bundle:
    """Returns the output while the search lives: the widget first, the record for other readers."""
    view = widget._repr_mimebundle_()[WIDGET_VIEW]
    return {WIDGET_VIEW: view, **record}


def panel_bundle(widget: Any) -> Bundle:
    """Returns the output that is the panel; readers without its kernel have the next one."""
    return live_bundle(widget, {"text/plain": ""})


def saved_bundle(record: Bundle) -> Bundle:
    """Returns the output below the panel's: the record, hidden for as long as the panel is there.

    What is saved is read where the panel can't be: later, elsewhere, without a kernel.
    """
    page = f'<style>{_TAKE_TURNS}</style><div class="nas-record">{record["text/html"]}</div>'
    return {**record, "text/html": page}


def no_bundle() -> Bundle:
    """Returns an output that takes no room: one that was shown can't be taken back."""
    return {"text/html": "", "text/plain": ""}


PANEL_CSS = (Path(__file__).parent / "panel" / "panel.css").read_text(encoding="utf-8")

# JupyterLab and Notebook take every key for themselves that is pressed outside a text field: the
# arrows turn from cell to cell, and an X on a list of strategies cuts the cell. What carries the
# attribute `data-lm-suppress-shortcuts` keeps its keys, so it is given to what uses them. And the
# pages of ipywidgets' tabs lack the role, and its sliders the name, that screen readers look for.
#
# The panel works without it, as in a page that forbids such handlers: by mouse, and by keyboard as
# far as the front end leaves the keys alone.

_KEEPS_ITS_KEYS = (
    "select, [role=tab], [role=slider], .nas-log, .nas-code, .nas-plot, tr[data-trial]"
)

_SCRIPT = f"""
const panel = this.closest('.nas-panel, .nas-replay');
if (panel && !panel.dataset.nasKeys) {{
  panel.dataset.nasKeys = 'kept';
  panel.addEventListener('focusin', event => {{
    if (event.target.matches({json.dumps(_KEEPS_ITS_KEYS)}))
      event.target.setAttribute('data-lm-suppress-shortcuts', 'true');
  }});
  const nameSliders = () => panel.querySelectorAll('[role=slider]').forEach(slider => {{
    const label = slider.closest('.widget-inline-hbox')?.querySelector('.widget-label');
    if (label) slider.setAttribute('aria-label', label.textContent);
  }});
  const namePages = () => {{
    const tabs = panel.querySelectorAll('.widget-tab [role=tab]');
    const pages = panel.querySelectorAll('.widget-tab > .widget-tab-contents > *');
    if (tabs.length !== pages.length) return;
    pages.forEach((page, place) => {{
      page.id = page.id || tabs[place].id + '-page';
      page.setAttribute('role', 'tabpanel');
      page.setAttribute('aria-labelledby', tabs[place].id);
      tabs[place].setAttribute('aria-controls', page.id);
    }});
  }};
  const name = () => {{ nameSliders(); namePages(); }};
  new MutationObserver(name).observe(panel, {{childList: true, subtree: true}});
  name();
}}
"""


def css_with_keys(style: str) -> str:
    """Returns a style sheet that, once it is in the page, keeps the keys of what it is in."""
    return f'<style onload="{html.escape(_SCRIPT)}">{style}</style>'
