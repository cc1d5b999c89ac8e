"""The panel's keys and roles in the page, which ipywidgets leave to the front end.

JupyterLab and Notebook take every key for themselves that is pressed outside a text field: the
arrows turn from cell to cell, and an X on a list of strategies cuts the cell. What carries the
attribute `data-lm-suppress-shortcuts` keeps its keys, so it is given to what uses them. And the
pages of ipywidgets' tabs lack the role and the name that screen readers look for.

The panel works without it, as in a page that forbids such handlers: by mouse, and by keyboard as
far as the front end leaves the keys alone.
"""

from __future__ import annotations

import html
import json

_KEEPS_ITS_KEYS = "select, [role=tab], [role=slider], .nas-log, .nas-code"

_SCRIPT = f"""
const panel = this.closest('.nas-panel');
if (panel && !panel.dataset.nasKeys) {{
  panel.dataset.nasKeys = 'kept';
  panel.addEventListener('focusin', event => {{
    if (event.target.matches({json.dumps(_KEEPS_ITS_KEYS)}))
      event.target.setAttribute('data-lm-suppress-shortcuts', 'true');
  }});
  const name = () => {{
    const tabs = panel.querySelectorAll('.widget-tab [role=tab]');
    const pages = panel.querySelectorAll('.widget-tab > .widget-tab-contents > *');
    if (!tabs.length || tabs.length !== pages.length) return;
    watcher.disconnect();
    pages.forEach((page, place) => {{
      page.id = page.id || tabs[place].id + '-page';
      page.setAttribute('role', 'tabpanel');
      page.setAttribute('aria-labelledby', tabs[place].id);
      tabs[place].setAttribute('aria-controls', page.id);
    }});
  }};
  const watcher = new MutationObserver(name);
  watcher.observe(panel, {{childList: true, subtree: true}});
  name();
}}
"""


def style_with_keys(style: str) -> str:
    """Returns a style sheet that, once it is in the page, keeps the keys of the panel around it."""
    return f'<style onload="{html.escape(_SCRIPT)}">{style}</style>'
