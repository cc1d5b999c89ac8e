"""Where output goes, in which forms, how it looks, how often."""

from __future__ import annotations

import base64
import html
import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython import get_ipython

from nas_nb.errors import printable
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
    sys.stdout.write(f"{printable(text)}\n")


def wait_with_line(search: Search, wait: Callable[[float], None], timeout: float | None) -> None:
    """Waits for a search, and keeps one line of the terminal up to date meanwhile."""
    deadline = None if timeout is None else time.monotonic() + timeout
    width, said = 0, ""
    try:
        while True:
            left = _PERIOD_S if deadline is None else deadline - time.monotonic()
            wait(min(_PERIOD_S, max(0.0, left)))
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
    return {"text/html": html, "image/png": picture, "text/plain": printable(text)}


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
.nas-panel .nas-status { font-weight: 600; }
.nas-panel .nas-dot { display: inline-block; width: 10px; height: 10px; border-radius: 50%;
  margin-right: 6px; background: #888; }
.nas-panel .nas-running { background: #009E73; }
.nas-panel .nas-paused { background: #E69F00; }
.nas-panel .nas-failed { background: #D55E00; }
[data-jp-theme-light="false"] .nas-panel img { filter: invert(1) hue-rotate(180deg); }
.nas-panel .nas-plot:focus-visible { outline: 2px solid #0072B2; }
.nas-panel .nas-plot { user-select: none; touch-action: none; }
.nas-tip, .nas-ring, .nas-box { position: fixed; z-index: 10000; pointer-events: none; }
.nas-tip { background: var(--jp-layout-color1, white); color: var(--jp-ui-font-color1, black);
  border: 1px solid var(--jp-border-color1, #888); border-radius: 4px; padding: 4px 8px;
  white-space: pre; font-size: 12px; line-height: 1.4; box-shadow: 0 2px 6px #0004; }
.nas-ring { width: 16px; height: 16px; margin: -10px; border: 2px solid #D55E00;
  border-radius: 50%; }
.nas-box { border: 1px dashed #0072B2; background: #0072B222; }
.nas-tip[hidden], .nas-ring[hidden], .nas-box[hidden], .nas-gone-note[hidden] { display: none; }
.nas-panel .nas-gone-note { color: var(--jp-error-color0, #B00020); font-weight: 600; }
.nas-gone .nas-buttons, .nas-gone .nas-clock, .nas-gone .nas-status { display: none !important; }
.nas-panel tr[data-trial], .nas-panel th[data-sort] { cursor: pointer; }
.nas-panel tr[data-trial]:hover { background: var(--jp-layout-color2, #F2F2F2); }
.nas-panel .nas-touch { display: none; }
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
