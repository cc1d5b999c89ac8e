"""The keys and roles of panel and replay in the page, which ipywidgets leave to the front end.

JupyterLab and Notebook take every key for themselves that is pressed outside a text field: the
arrows turn from cell to cell, and an X on a list of strategies cuts the cell. What carries the
attribute `data-lm-suppress-shortcuts` keeps its keys, so it is given to what uses them. And the
pages of ipywidgets' tabs lack the role, and its sliders the name, that screen readers look for.

The panel works without it, as in a page that forbids such handlers: by mouse, and by keyboard as
far as the front end leaves the keys alone.
"""

from __future__ import annotations

import html
import json

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


def style_with_keys(style: str) -> str:
    """Returns a style sheet that, once it is in the page, keeps the keys of what it is in."""
    return f'<style onload="{html.escape(_SCRIPT)}">{style}</style>'
