"""The panel in real pages of both front ends: watched, inspected, steered, and found again."""

from __future__ import annotations

import re
import shutil

import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Locator, expect

from tests.browser.driver import NotebookPage
from tests.browser.naming import nameless
from tests.browser.parts import (
    ANSWER_MS,
    LIMIT_MS,
    button,
    expect_trials,
    field,
    opened,
    status,
    turn_to,
)
from tests.browser.server import JupyterServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.parametrize("front_end", ["lab", "notebook"]),
]

# What each tab shows while a model trains, once two trials have completed.
SHOWN = {
    "Watch": re.compile("The best 2 of|The best 3 of|The best 4 of|The best 5 of"),
    "Leaderboard": re.compile(r"1 to \d+ of \d+ trials, by score"),
    "Trial": "Its choices by layer",
    "Compare": "What they are worth",
    "Pareto": "trials that no other beats",
    "Parallel": "Each line is a trial",
    "Map": "Architectures that are alike stand close",
    "Importance": "A random forest",
    "Steer": "Narrow the space",
}
PICTURES = ("Watch", "Trial", "Compare", "Pareto", "Parallel", "Map", "Importance")


def test_it_is_watched_and_steered_while_a_model_trains_and_survives_reload_and_restart(
    open_notebook, front_end, servers
):
    notebook, panel = opened(open_notebook, "%nas panel")
    assert nameless(panel) == []
    button(panel, "Start").click()
    expect_trials(panel, 2)
    look_at_every_tab(panel)
    choose_a_trial(panel)
    steer(panel)
    expect(status(panel)).to_contain_text("of 150 trials ended", timeout=ANSWER_MS)
    # The reader's connection is lost, the kernel is not; the notebook was not even saved.
    notebook.reload()
    expect(notebook.output("search.panel()")).to_be_empty()
    notebook.run("%nas panel")
    panel = notebook.output("%nas panel")
    expect(status(panel)).to_contain_text("Running", timeout=ANSWER_MS)
    expect(panel.get_by_role("tab")).to_have_count(10)
    # The other front end's server has never seen the notebook, and trusts nothing in it.
    other = servers.of("notebook" if front_end == "lab" else "lab")
    read_elsewhere(notebook, other, "Running")
    button(panel, "Stop").click()
    expect(panel.get_by_role("tab")).to_have_count(0, timeout=ANSWER_MS)
    expect_record(panel)

    saved = notebook.save()
    notebook.restart_kernel()
    expect_record(panel)
    read_elsewhere(notebook, other, "Stopped by its user.")
    html, _ = HTMLExporter().from_notebook_node(saved)
    assert 'alt="Left: val_accuracy per trial' in html
    assert "widget-view" not in html


def read_elsewhere(notebook: NotebookPage, server: JupyterServer, state: str) -> None:
    """Saves the notebook and opens it where there is neither its kernel nor trust in it."""
    notebook.save()
    shutil.copy(notebook.file, server.files)
    page = notebook.page.context.new_page()
    again = NotebookPage(page, server, notebook.file.name, notebook.file)
    record = again.output("%nas panel")
    expect(record).to_contain_text(state, timeout=ANSWER_MS)
    expect(record.get_by_role("img")).to_be_visible()
    expect(record.get_by_role("button")).to_have_count(0)
    expect(again.page.get_by_text("model not found")).to_have_count(0)
    assert nameless(record) == []
    assert again.errors == []
    page.close()


def look_at_every_tab(panel: Locator) -> None:
    for title, text in SHOWN.items():
        turn_to(panel, title)
        contents = panel.locator(".widget-tab-contents")
        words = contents.get_by_text(text).filter(visible=True).first
        expect(words).to_be_visible(timeout=ANSWER_MS)
        if title in PICTURES:
            expect(contents.get_by_role("img").first).to_be_visible(timeout=ANSWER_MS)
        assert nameless(panel) == [], title


def choose_a_trial(panel: Locator) -> None:
    """Chooses trial 0 on the leaderboard, and finds it in the other views."""
    turn_to(panel, "Leaderboard")
    choice = field(panel, "Look at")
    expect(choice.locator("option", has_text="trial 0:")).to_have_count(1, timeout=ANSWER_MS)
    choice.select_option(label=choice.locator("option", has_text="trial 0:").inner_text())
    turn_to(panel, "Trial")
    expect(panel.get_by_role("textbox", name="Trial", exact=True)).to_have_value("0")
    expect(panel.get_by_role("table", name="Trial 0")).to_be_visible(timeout=ANSWER_MS)
    expect(panel.get_by_role("img", name=re.compile("Diagram of trial 0"))).to_be_visible()
    button(panel, "Show its Keras code").click()
    expect(panel.get_by_text("def build_model()")).to_be_visible(timeout=ANSWER_MS)


def steer(panel: Locator) -> None:
    """Does everything that can be done to a running search, and finds it in the list."""
    turn_to(panel, "Steer")
    done = panel.get_by_role("table", name="What was steered")
    field(panel, "Choice").select_option("units")
    field(panel, "Rule").select_option("at least")
    expect(field(panel, "Value")).to_have_value("32", timeout=ANSWER_MS)
    field(panel, "Value").fill("64")
    field(panel, "Value").press("Tab")
    expect(panel.get_by_text("The rule would leave")).to_be_visible(timeout=ANSWER_MS)
    button(panel, "Apply").click()
    expect(done).to_contain_text("restricted: units at least 64", timeout=ANSWER_MS)
    field(panel, "depth").select_option("2")
    expect(field(panel, "units_2")).to_be_visible(timeout=ANSWER_MS)
    button(panel, "Queue it").click()
    expect(done).to_contain_text("queued: depth=2", timeout=ANSWER_MS)
    panel.get_by_role("button", name=re.compile(r"Stop trial \d+")).click()
    expect(done).to_contain_text(re.compile(r"trial \d+ stopped"), timeout=ANSWER_MS)
    button(panel, "Train trial 0 longer").click()
    expect(done).to_contain_text("10 more epochs for trial 0", timeout=ANSWER_MS)
    field(panel, "Strategy").select_option("random")
    button(panel, "Change").first.click()
    expect(done).to_contain_text("strategy changed to random", timeout=ANSWER_MS)
    field(panel, "Max trials").fill("150")
    field(panel, "Max trials").press("Tab")
    button(panel, "Change").last.click()
    expect(done).to_contain_text("budget changed: max_trials 150", timeout=ANSWER_MS)
    assert panel.get_by_role("alert").count() == 0


def expect_record(panel: Locator) -> None:
    """Expects tables and a picture, and nothing that needs a kernel."""
    expect(panel).to_contain_text("Stopped by its user.", timeout=ANSWER_MS)
    expect(panel.get_by_role("img")).to_be_visible()
    expect(panel.get_by_role("button")).to_have_count(0)
    expect(panel).not_to_contain_text("model not found")
    assert nameless(panel) == []


def test_it_works_by_keyboard_alone_and_says_what_does_not_fit(open_notebook):
    notebook, panel = opened(open_notebook)
    keys = notebook.page.keyboard
    cells = notebook.page.locator(".jp-Cell").count()
    field(panel, "Max trials").focus()
    keys.press("Shift+Tab")
    assert name_of_focus(notebook) == "Configure"
    assert reached_by_tab(notebook, "Folder") == [
        "Max trials",
        "Max time",
        "Max epochs",
        "Objective",
        "Keep low",
        "Epochs a trial",
        "Batch size",
        "Seed",
        "Max params",
        "Max macs",
        "Max latency",
        "Strategy",
        "Population",
        "Sample",
        "Inherit",
        "Folder",
    ]
    enter_a_wrong_time_and_mend_it(panel)
    choose_a_strategy_by_keys(panel)
    button(panel, "Start").focus()
    keys.press("Enter")
    expect_trials(panel, 1)
    choose_and_steer_by_keys(panel)
    button(panel, "Stop").focus()
    keys.press("Space")
    expect(panel.get_by_role("tab")).to_have_count(0, timeout=LIMIT_MS)
    assert notebook.page.locator(".jp-Cell").count() == cells


def choose_a_strategy_by_keys(panel: Locator) -> None:
    """A letter looks for the next that begins with it; in the page's hands some cut the cell."""
    strategy = field(panel, "Strategy")
    strategy.focus()
    strategy.press("p")
    expect(field(panel, "Crossover")).to_be_visible(timeout=ANSWER_MS)
    strategy.press("ArrowUp")
    expect(strategy).to_have_value("evolution", timeout=ANSWER_MS)


def choose_and_steer_by_keys(panel: Locator) -> None:
    keys = panel.page.keyboard
    turn_by_keys(panel, "Watch", "Leaderboard")
    choice = field(panel, "Look at")
    expect(choice.locator("option")).not_to_have_count(1, timeout=ANSWER_MS)
    choice.focus()
    keys.press("ArrowDown")
    turn_by_keys(panel, "Leaderboard", "Trial")
    expect(panel.get_by_role("table", name="Trial 0")).to_be_visible(timeout=ANSWER_MS)
    turn_by_keys(panel, "Trial", *list(SHOWN)[3:])
    field(panel, "Rule").focus()
    keys.press("ArrowDown")
    expect(field(panel, "Rule")).to_have_value("leave out", timeout=ANSWER_MS)
    button(panel, "Apply").focus()
    keys.press("Enter")
    steered = panel.get_by_role("table", name="What was steered")
    expect(steered).to_contain_text("restricted", timeout=ANSWER_MS)


def turn_by_keys(panel: Locator, here: str, *then: str) -> None:
    """Turns from one tab to the next ones, as a screen reader's user does."""
    panel.get_by_role("tab", name=here, exact=True).focus()
    for title in then:
        panel.page.keyboard.press("ArrowRight")
        panel.page.keyboard.press("Enter")
        expect(panel.get_by_role("tabpanel", name=title)).to_be_visible(timeout=ANSWER_MS)


def enter_a_wrong_time_and_mend_it(panel: Locator) -> None:
    keys = panel.page.keyboard
    time = field(panel, "Max time")
    time.focus()
    keys.type("two minutes")
    keys.press("Tab")
    expect(panel.get_by_role("alert")).to_contain_text("is no duration", timeout=ANSWER_MS)
    expect(button(panel, "Start")).to_be_disabled(timeout=ANSWER_MS)
    time.focus()
    keys.press("Control+a")
    keys.type("2 min")
    keys.press("Tab")
    expect(panel.get_by_role("alert")).to_have_count(0, timeout=ANSWER_MS)
    expect(button(panel, "Start")).to_be_enabled(timeout=ANSWER_MS)


def reached_by_tab(notebook: NotebookPage, last: str) -> list[str]:
    """Returns the names of what the Tab key reaches, up to and with the last."""
    reached: list[str] = []
    while last not in reached:
        notebook.page.keyboard.press("Tab")
        reached.append(name_of_focus(notebook))
        assert len(reached) < 20, reached
    return reached


def name_of_focus(notebook: NotebookPage) -> str:
    focus = "document.activeElement"
    return notebook.page.evaluate(f"() => {focus}.labels?.[0]?.innerText || {focus}.innerText")
