"""What a screen reader is told of the controls, pictures and tables of a part of a page."""

from __future__ import annotations

import re

from playwright.sync_api import Locator

ROLES = (
    "button",
    "checkbox",
    "combobox",
    "img",
    "progressbar",
    "spinbutton",
    "slider",
    "tab",
    "table",
    "tabpanel",
    "textbox",
)
_NAMELESS = re.compile(rf"^\s*- '?({'|'.join(ROLES)})\b(?! \"\w)[^\n]*$", re.MULTILINE)
_WITHOUT_CAPTION = "tables => tables.filter(table => !table.caption?.innerText.trim()).length"
_WITHOUT_HEADERS = "tables => tables.filter(table => !table.querySelector('th[scope]')).length"


def nameless(part: Locator) -> list[str]:
    """Returns what has a role but no name, and tables without caption or header scopes."""
    found = [match[0].strip() for match in _NAMELESS.finditer(part.aria_snapshot())]
    tables = part.locator("table:visible")
    found += ["table without header scopes"] * tables.evaluate_all(_WITHOUT_HEADERS)
    return found + ["table without caption"] * tables.evaluate_all(_WITHOUT_CAPTION)
