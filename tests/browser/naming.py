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
    "tab",
    "table",
    "textbox",
)
_NAMELESS = re.compile(rf"^\s*- '?({'|'.join(ROLES)})\b(?! \"\w)[^\n]*$", re.MULTILINE)
_WITHOUT_HEADERS = "tables => tables.filter(table => !table.querySelector('th[scope]')).length"


def nameless(part: Locator) -> list[str]:
    """Returns what in the part has a role but no name, and the tables without header scopes."""
    found = [match[0].strip() for match in _NAMELESS.finditer(part.aria_snapshot())]
    tables = part.locator("table:visible").evaluate_all(_WITHOUT_HEADERS)
    return found + ["table without header scopes"] * tables
