"""The parts of a search's panel in a page, by the names that people read."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.driver import NotebookPage

MAKE = """
%load_ext nas_nb
import nas_nb as nas

space = {"layers": ["Conv2D", "Dense"], "units": [32, 64, 128], "activations": ["relu", "tanh"]}
search = nas.Search(space, "digits", strategy="evolution", max_trials=200, epochs=8, seed=0)
"""
LIMIT_MS = 180_000
ANSWER_MS = 60_000  # a batch and a repaint, on a machine with other things to do


def button(panel: Locator, name: str | re.Pattern[str]) -> Locator:
    return panel.get_by_role("button", name=name, exact=True)


def field(panel: Locator, name: str) -> Locator:
    """The input of that name in the tab in view; others may have one of the same name."""
    return panel.get_by_label(name, exact=True).filter(visible=True)


def status(panel: Locator) -> Locator:
    return panel.get_by_role("status")


def turn_to(panel: Locator, title: str) -> None:
    panel.get_by_role("tab", name=title, exact=True).click()


def expect_trials(panel: Locator, least: int) -> None:
    """Waits until so many trials have ended, or more: they don't wait for the test to look."""
    counted = re.compile(rf"({'|'.join(map(str, range(least, 200)))}) of \d+ trials ended")
    expect(status(panel)).to_contain_text(counted, timeout=LIMIT_MS)


def opened(open_notebook, *more: str) -> tuple[NotebookPage, Locator]:
    notebook = open_notebook(MAKE, "search.panel()", *more)
    notebook.run_through("search.panel()", LIMIT_MS)
    panel = notebook.output("search.panel()")
    expect(status(panel)).to_have_text("Ready to start.", timeout=ANSWER_MS)
    return notebook, panel


def point_at(page: Page, mark: Callable[[], tuple[float, float]]) -> Locator:
    """Points at a mark until its tip is seen: a frame may move the mark meanwhile."""
    tip = page.locator(".nas-tip").filter(visible=True)
    for _ in range(15):
        x, y = mark()
        page.mouse.move(x - 40, y)
        page.mouse.move(x + 2, y + 2)
        page.wait_for_timeout(1000)
        if tip.count():
            break
    expect(tip).to_have_count(1)
    return tip
