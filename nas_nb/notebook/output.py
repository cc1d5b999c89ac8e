"""Where output goes, in which forms, how it looks, how often."""

from __future__ import annotations

import base64
import html
import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from IPython import get_ipython

from nas_nb.notebook import wording
from nas_nb.notebook.snapshot import Snapshot

if TYPE_CHECKING:
    from nas_nb.search.search import Search

_PERIOD_S = 1.0


def in_notebook() -> bool:
    """Tells whether there is a kernel, and so a page that can show widgets and pictures."""
    return hasattr(get_ipython(), "kernel")


def in_colab() -> bool:
    """Tells whether the page is Colab's: what another thread sends to its widgets stays unseen.

    It appears when the next cell runs (googlecolab/colabtools 3373). So a search has to run in the
    cell there, and is followed from its own thread.
    """
    return "google.colab" in sys.modules


def say(text: str) -> None:
    """Writes a line of text to the running cell, or to the terminal."""
    sys.stdout.write(f"{text}\n")


def wait_with_line(search: Search, wait: Callable[[float], None], timeout: float | None) -> None:
    """Waits for a search, and keeps one line of the terminal up to date meanwhile.

    Args:
        search: The search to wait for.
        wait: Waits so many seconds, or until the search is over.
        timeout: Seconds after which to return anyway; None waits to the end.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    width, said = 0, ""
    try:
        while True:
            left = _PERIOD_S if deadline is None else deadline - time.monotonic()
            wait(min(_PERIOD_S, max(0.0, left)))
            now = Snapshot(search)
            if (choice := wording.choice_text(now)) != said:
                sys.stdout.write(f"\r{choice:<{width}}\n")
                said = choice
            line = f"{wording.status_line(now)} {wording.time_line(now)}"
            sys.stdout.write(f"\r{line:<{width}}")
            sys.stdout.flush()
            width = len(line)
            if now.state is not now.state.RUNNING or left <= 0:
                return
    finally:
        sys.stdout.write("\n")


WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

Bundle = dict[str, Any]

# A page shows the panel or, where no kernel has it, the record below it, never both. A page that
# drops these rules, or is built otherwise, shows the record.
_TAKE_TURNS = """
.jp-OutputArea-child:has(.nas-panel) + .jp-OutputArea-child:has(.nas-record) { display: none; }
.jp-OutputArea-child:not(:has(.nas-panel)):has(+ .jp-OutputArea-child .nas-record) {
  display: none; }
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


T = TypeVar("T")


class Throttle:
    """Keeps what is done over and over to a share of the kernel's work, by its latest cost.

    Work is counted in CPU seconds: on a busy machine the training gets less of each second, and
    what goes by the clock takes a larger share of it.

    Args:
        share: Of the CPU seconds that the kernel uses, 0 to 1, that it may take.
        longest_s: After so many seconds it is due whatever it cost: the first time loads fonts
            and libraries, and a kernel whose GPU trains uses few CPU seconds.
    """

    def __init__(self, share: float, longest_s: float) -> None:
        self._share = share
        self._longest_s = longest_s
        self._enough_s = 0.0  # of CPU
        self._latest_s = 0.0  # of the clock

    def due(self) -> bool:
        """Whether it may be done now."""
        return time.process_time() >= self._enough_s or time.monotonic() >= self._latest_s

    def run(self, action: Callable[[], T]) -> T:
        """Does it, due or not, and remembers what it cost the calling thread."""
        before_s = time.thread_time()
        try:
            return action()
        finally:
            cost_s = time.thread_time() - before_s
            self._enough_s = time.process_time() + cost_s / self._share
            self._latest_s = time.monotonic() + self._longest_s


# Widgets draw the arrow of a list black, which a dark theme hides.
_ARROW = (
    '.nas-panel .widget-dropdown > select { background-image: url("data:image/svg+xml,'
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E%3Cpath d='M5 7l4 4 4-4' "
    "fill='none' stroke='%23808080' stroke-width='2'/%3E%3C/svg%3E\"); }"
)

PANEL_CSS = (
    _ARROW
    + """
.nas-panel { max-width: 1000px; padding: 4px 2px; }
.nas-panel p { margin: 0; line-height: 1.5; }
.nas-panel .widget-html-content { line-height: 1.5; height: auto; min-width: 0; }
.nas-panel .widget-html { height: auto; overflow: visible; }
.nas-panel .nas-title { font-size: 1.2em; }
.nas-panel .nas-about, .nas-panel .nas-progress { color: var(--jp-ui-font-color1, #444); }
.nas-panel .nas-help { color: var(--jp-ui-font-color2, #666); font-size: 0.92em; max-width: 900px; }
.nas-panel .nas-status { font-weight: 600; margin-top: 4px; }
.nas-panel .nas-caption { font-weight: 600; padding: 6px 0 2px; }
.nas-panel progress { width: 240px; height: 12px; vertical-align: middle; accent-color: #0072B2; }
.nas-panel [role="alert"] { color: var(--jp-error-color0, #B00020); max-width: 560px; }
.nas-panel img { max-width: 100%; height: auto; border-radius: 4px; }
.nas-panel .widget-tab { margin-top: 6px; }
.nas-panel .widget-tab > .lm-TabBar { min-height: 30px; overflow: visible; }
.nas-panel .widget-tab > .lm-TabBar .lm-TabBar-content { flex-wrap: wrap; align-items: flex-end; }
.nas-panel .widget-tab > .lm-TabBar .lm-TabBar-tab { flex: 0 1 auto; min-width: 0;
  padding: 0 7px; }
.nas-panel .widget-tab > .lm-TabBar .lm-TabBar-tab.lm-mod-current { font-weight: 600; }
.nas-panel .widget-tab > .widget-tab-contents { padding: 10px 12px; overflow: auto; }
.nas-panel .widget-box { overflow: visible; }
.nas-controls { flex-wrap: wrap; gap: 4px 34px; margin: 2px 0 6px; }
.nas-controls [role="alert"] { max-width: 230px; }
.nas-option { align-items: flex-start; }
.nas-option > :first-child { flex: none; }
.nas-option .nas-help { max-width: 380px; line-height: 1.3; }
.nas-row { flex-wrap: wrap; gap: 2px 10px; align-items: center; }
.nas-section { margin-bottom: 8px; border-bottom: 1px solid var(--jp-border-color2, #E0E0E0);
  padding-bottom: 6px; }
.nas-sides { flex-wrap: wrap; gap: 8px 24px; align-items: flex-start; }
.nas-sides > .nas-section { flex: 1 1 auto; }
.nas-sides > .widget-vbox > .widget-html + .widget-html { margin-top: 8px; }
.nas-side-by-side .widget-html-content { display: flex; flex-wrap: wrap; gap: 4px 36px;
  align-items: flex-start; }
.nas-panel .nas-code { background: var(--jp-layout-color2, #F5F5F5); padding: 8px 10px;
  margin: 2px 0; border-radius: 4px; overflow: auto; max-height: 420px; line-height: 1.35;
  font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px); }
.nas-panel .nas-log { max-height: 150px; overflow: auto; margin: 0; padding: 2px 0 2px 2px;
  list-style: none; white-space: pre; line-height: 1.45; font-size: 0.95em;
  font-family: var(--jp-code-font-family, monospace); border: 1px solid
  var(--jp-border-color2, #E0E0E0); }
.nas-panel .nas-table { border-collapse: collapse; font-size: 0.95em; }
.nas-panel .nas-table caption { text-align: left; font-weight: 600; padding: 4px 0; }
.nas-panel .nas-table th, .nas-panel .nas-table td {
  padding: 2px 14px 2px 0; vertical-align: top; line-height: 1.4;
  border-bottom: 1px solid var(--jp-border-color2, #E0E0E0);
}
.nas-panel .nas-table th { text-align: left; font-weight: 500; white-space: nowrap; }
.nas-panel .nas-table thead th { color: var(--jp-ui-font-color2, #666); }
.nas-panel .nas-table tr[aria-current] { background: var(--jp-layout-color2, #EEF4F8); }
.nas-panel .nas-table tr[aria-current] th { box-shadow: inset 3px 0 0 #0072B2; padding-left: 8px; }
"""
)

# JupyterLab and Notebook take every key for themselves that is pressed outside a text field: the
# arrows turn from cell to cell, and an X on a list of strategies cuts the cell. What carries the
# attribute `data-lm-suppress-shortcuts` keeps its keys, so it is given to what uses them. And the
# pages of ipywidgets' tabs lack the role, and its sliders the name, that screen readers look for.
#
# The panel works without it, as in a page that forbids such handlers: by mouse, and by keyboard as
# far as the front end leaves the keys alone.

_KEEPS_ITS_KEYS = "select, [role=tab], [role=slider], .nas-log, .nas-code"

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
