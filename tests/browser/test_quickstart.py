"""The quickstart as its reader has it: a panel in a real JupyterLab, steered with the mouse."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.driver import NotebookPage
from tests.browser.parts import status

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

# The first trial waits for TensorFlow, for the first trace and for whatever else the machine does.
TRIAL_LIMIT_MS = 180_000
ANSWER_LIMIT_MS = 20_000


@pytest.fixture
def quickstart(open_notebook: Callable[..., NotebookPage]) -> NotebookPage:
    """The quickstart, run up to its panel, with a budget that a test does not exhaust."""
    notebook = open_notebook(name="01_quickstart.ipynb")
    notebook.run_through("search")
    panel = notebook.output("search")
    expect(status(panel)).to_have_text("Ready to start.", timeout=ANSWER_LIMIT_MS)
    for label, value in {"Max trials": "500", "Max time": "10 min"}.items():
        control = panel.get_by_label(label).filter(visible=True)
        control.fill(value)
        control.press("Tab")
    return notebook


def click(panel: Locator, name: str) -> None:
    panel.get_by_role("button", name=name, exact=True).click()


def expect_more_trials_than(count: int, panel: Locator) -> int:
    """Waits until more trials have ended, and returns how many."""
    said = re.compile(r"(\d+) of 500 trials ended")
    page = panel.page
    for _ in range(TRIAL_LIMIT_MS // 500):
        found = said.search(status(panel).inner_text())
        if found and int(found[1]) > count:
            return int(found[1])
        page.wait_for_timeout(500)
    raise AssertionError(f"no more than {count} trials: {status(panel).inner_text()}")


def test_the_panel_steers_a_search_and_leaves_a_record(quickstart):
    panel = quickstart.output("search")
    click(panel, "Start")
    expect_more_trials_than(1, panel)
    expect(panel.get_by_role("img").first).to_be_visible()
    quickstart.screenshot("panel-running", panel)

    click(panel, "Pause")
    expect(status(panel)).to_contain_text("Paused", timeout=ANSWER_LIMIT_MS)
    paused_at = status(panel).inner_text()
    quickstart.page.wait_for_timeout(3_000)
    assert status(panel).inner_text() == paused_at
    quickstart.screenshot("panel-paused", panel)

    click(panel, "Resume")
    expect(status(panel)).to_contain_text("Running", timeout=ANSWER_LIMIT_MS)
    click(panel, "Stop")
    expect(status(panel)).to_contain_text("Stopped", timeout=ANSWER_LIMIT_MS)
    expect(panel.get_by_role("tab")).to_have_count(4)

    saved = quickstart.save()
    kept = [cell.outputs[1].data for cell in saved.cells if cell.source == "search"]
    assert set(kept[0]) == {"text/html", "image/png", "text/plain"}
    quickstart.reload()
    expect(quickstart.output("search").get_by_role("img").first).to_be_visible()
    quickstart.screenshot("panel-reloaded", quickstart.output("search"))
