"""The panel in a real page: how it is found again, named, worked by keyboard, and looked at."""

from __future__ import annotations

import re

import nbformat
import pytest
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

MAKE = """
%load_ext nas_nb
import nas_nb as nas

space = {"layers": ["Conv2D", "Dense"], "units": [32, 64, 128], "activations": ["relu", "tanh"]}
search = nas.Search(space, "digits", strategy="evolution", max_trials=200, epochs=8, seed=0)
"""
LIMIT_MS = 120_000
ANSWER_MS = 30_000  # a batch and a repaint, on a machine with other things to do


def button(panel: Locator, name: str) -> Locator:
    return panel.get_by_role("button", name=name, exact=True)


def status(panel: Locator) -> Locator:
    return panel.get_by_role("status")


def expect_trials(panel: Locator, least: int) -> None:
    """Waits until so many trials have ended, or more: they don't wait for the test to look."""
    expect(panel.get_by_text("The best 5 of")).to_be_visible(timeout=LIMIT_MS)
    counted = re.compile(rf"({'|'.join(map(str, range(least, 200)))}) of 200 trials ended")
    expect(status(panel)).to_contain_text(counted, timeout=LIMIT_MS)


def test_a_page_that_was_never_saved_gets_the_running_search_back(open_notebook):
    notebook = open_notebook(MAKE, "search.panel()", "search.panel() # again")
    notebook.run_through("search.panel()")
    panel = notebook.output("search.panel()")
    expect(status(panel)).to_have_text("Ready to start.", timeout=ANSWER_MS)
    expect(button(panel, "Stop")).to_be_disabled()

    button(panel, "Start").click()
    expect_trials(panel, 5)
    expect(status(panel)).to_contain_text("Running")
    picture = panel.get_by_role("img")
    expect(picture).to_have_attribute("alt", re.compile(r"val_accuracy per trial, \d+ completed"))
    # The reader's connection is lost, the kernel is not; the notebook was not even saved.
    notebook.reload()
    expect(notebook.output("search.panel()")).to_be_empty()
    notebook.run("search.panel() # again")
    panel = notebook.output("search.panel() # again")
    expect_trials(panel, 6)

    button(panel, "Stop").click()
    expect(button(panel, "Stop")).to_have_count(0, timeout=ANSWER_MS)
    expect(panel).to_contain_text("Stopped by its user.")
    (output,) = outputs_of(notebook.save(), "search.panel() # again")
    assert sorted(output.data) == ["image/png", "text/html", "text/plain"]


def test_the_controls_have_names_work_by_keyboard_and_say_what_does_not_fit(open_notebook):
    notebook = open_notebook(MAKE, "search.panel()")
    notebook.run_through("search.panel()")
    panel = notebook.output("search.panel()")
    expect(status(panel)).to_have_text("Ready to start.", timeout=ANSWER_MS)
    for role in ("combobox", "spinbutton", "textbox", "button", "img", "progressbar"):
        for control in panel.get_by_role(role).all():
            assert re.match(rf"- '?{role} \"[^\"]+\"", control.aria_snapshot())
    panel.get_by_label("Strategy").focus()
    focused = [name_of_focus(notebook.page, "Tab") for _ in range(5)]
    assert focused == ["Max trials", "Max time", "Epochs a trial", "Seed", "Start"]

    time = panel.get_by_label("Max time")
    time.fill("two minutes")
    time.press("Tab")
    expect(panel.get_by_role("alert")).to_contain_text(
        "'two minutes' is no duration", timeout=ANSWER_MS
    )
    expect(button(panel, "Start")).to_be_disabled(timeout=ANSWER_MS)
    notebook.screenshot("panel-refusal", panel)
    time.fill("2 min")
    time.press("Tab")
    expect(panel.get_by_role("alert")).to_have_count(0, timeout=ANSWER_MS)
    expect(button(panel, "Start")).to_be_enabled(timeout=ANSWER_MS)


def name_of_focus(page, key: str) -> str:
    """Presses the key and returns the name of what has the focus then."""
    page.keyboard.press(key)
    focus = "document.activeElement"
    return page.evaluate(f"() => {focus}.labels?.[0]?.innerText || {focus}.innerText")


def outputs_of(notebook: nbformat.NotebookNode, source: str) -> list[nbformat.NotebookNode]:
    return next(cell.outputs for cell in notebook.cells if cell.source == source)
