"""The panel in real pages of both front ends: watched, inspected, steered, and found again."""

from __future__ import annotations

import re
import shutil

import nbformat
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
    point_at,
    status,
    turn_to,
)
from tests.browser.server import JupyterServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.parametrize("front_end", ["lab", "notebook"]),
]

# What each place shows while a model trains, once two trials have completed.
SHOWN = {
    "Run": "Incumbent: trial",
    "Trials": re.compile(r"1 to \d+ of \d+ trials, by (score|params)"),
    "Insights": "trials that no other beats",
    "Steer": "Narrow the space",
}
VIEWS = {
    "Parallel": "Each line is a trial",
    "Map": "similar architectures are close",
    "Importance": "Share of the scores' variance",
}

# A frame may replace the picture at any time: each of these reads the page in one moment.
CHART = """name => {
    const image = document.querySelector(`img[data-chart^=${name ?? "scores"}]`);
    image.scrollIntoView({ block: "nearest" });
    const { x, y, width, height } = image.getBoundingClientRect();
    const marks = JSON.parse(image.dataset.marks).map(
        ([trial, across, down]) => [trial, [x + across * width, y + down * height]]);
    const left = Math.min(...marks.map(([, at]) => at[0]));
    return { x, y, width, height, left, marks: Object.fromEntries(marks) };
}"""
POINTED = """() => {
    const [tip, ring] = [".nas-tip", ".nas-ring"].map(name => document.querySelector(name));
    const { x, y, width, height } = ring.getBoundingClientRect();
    return { trial: tip.textContent.match(/^trial (\\d+)/)[1],
             middle: [x + width / 2, y + height / 2] };
}"""
RINGED = f"""() => {{
    const [pointed, box] = [({POINTED})(), ({CHART})()];
    const mark = box.marks[pointed.trial];
    return mark && mark.every((at, axis) => Math.abs(at - pointed.middle[axis]) < 3);
}}"""

NEXT_BY_KEY = """trial => {
    const image = document.querySelector("img[data-chart^=scores]");
    const marks = JSON.parse(image.dataset.marks).sort((a, b) => a[1] - b[1]);
    const after = marks.findIndex(mark => mark[0] === trial) + 1;
    image.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    const told = document.querySelector(".nas-tip").textContent.match(/^trial (\\d+)/)[1];
    return [Number(told), marks[Math.min(after, marks.length - 1)][0]];
}"""

THEME = "name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })"
FITS = """() => [...document.querySelectorAll(".nas-panel .widget-tab-contents")]
    .every(page => page.scrollWidth <= page.clientWidth + 1)"""


def test_it_is_watched_touched_and_steered_while_a_model_trains_and_survives_reload_and_restart(
    open_notebook, front_end, servers
):
    notebook, panel = opened(open_notebook, "%nas panel")
    assert nameless(panel) == []
    button(panel, "Start").click()
    expect_trials(panel, 2)
    look_everywhere(panel)
    point_at_a_mark_and_select_it(panel)
    look_in_both_themes_and_widths(notebook, panel)
    choose_a_trial(panel)
    steer(panel)
    expect(status(panel)).to_contain_text("of 150 trials ended", timeout=ANSWER_MS)
    # The reader's connection is lost, the kernel is not; the notebook was not even saved.
    notebook.reload()
    expect(notebook.output("search.panel()")).to_be_empty()
    notebook.run("%nas panel")
    panel = notebook.output("%nas panel")
    expect(status(panel)).to_contain_text("Running", timeout=ANSWER_MS)
    expect(panel.get_by_role("tab")).to_have_count(4)
    # The other front end's server has never seen the notebook, and trusts nothing in it.
    other = servers.of("notebook" if front_end == "lab" else "lab")
    read_elsewhere(notebook, other, "Interrupted.")
    button(panel, "Stop").click()
    expect(status(panel)).to_contain_text("Stopped by its user.", timeout=ANSWER_MS)
    expect(button(panel, "Resume")).to_be_enabled(timeout=ANSWER_MS)
    look_everywhere(panel)

    saved = notebook.save()
    read_elsewhere(notebook, other, "Stopped by its user.")
    read_offline(saved)


def read_offline(saved: nbformat.NotebookNode) -> None:
    """Converts the saved notebook, and looks at all that it holds of ours."""
    html, _ = HTMLExporter().from_notebook_node(saved)
    assert 'alt="Above: val_accuracy per trial' in html
    assert "nas.open(" in html
    assert "widget-view" not in html
    kept = "".join(
        output["data"].get("text/html", "")
        for cell in saved.cells
        for output in cell.get("outputs", ())
        if "data" in output
    )
    assert "nas.open(" in kept
    assert not re.search(r"(src|href)=.?(https?:)?//|<script", kept)


def read_elsewhere(notebook: NotebookPage, server: JupyterServer, state: str) -> None:
    """Saves the notebook and opens it where there is neither its kernel nor trust in it."""
    notebook.save()
    shutil.copy(notebook.file, server.files)
    page = notebook.page.context.new_page()
    again = NotebookPage(page, server, notebook.file.name, notebook.file)
    record = again.output("%nas panel")
    expect(record).to_contain_text(state, timeout=ANSWER_MS)
    expect(record).to_contain_text("Reopen: nas.open(")
    expect(record.get_by_role("img")).to_be_visible()
    expect(record.get_by_role("button")).to_have_count(0)
    expect(again.page.get_by_text("model not found")).to_have_count(0)
    assert nameless(record) == []
    assert again.errors == []
    page.close()


def look_everywhere(panel: Locator) -> None:
    for title, text in SHOWN.items():
        turn_to(panel, title)
        contents = panel.locator(".widget-tab-contents")
        words = contents.get_by_text(text).filter(visible=True).first
        expect(words).to_be_visible(timeout=ANSWER_MS)
        if title != "Steer":
            expect(contents.get_by_role("img").first).to_be_visible(timeout=ANSWER_MS)
        assert nameless(panel) == [], title
    turn_to(panel, "Insights")
    for view, text in VIEWS.items():
        button(panel, view).click()
        expect(panel.get_by_text(text).filter(visible=True).first).to_be_visible(timeout=ANSWER_MS)
    button(panel, "Parallel").click()
    brush(panel)
    button(panel, "Pareto").click()


def brush(panel: Locator) -> None:
    """Drags along the first axis: lines that don't pass there lose their colours."""
    page = panel.page
    expect(panel.locator('img[data-chart="parallel"]')).to_be_visible(timeout=ANSWER_MS)
    box = page.evaluate(CHART, "parallel")
    x, y = box["left"], box["y"] + 0.2 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 4, y + 0.5 * box["height"], steps=4)
    page.mouse.up()
    brushed = panel.get_by_role("img", name=re.compile("pass what is selected of depth"))
    expect(brushed).to_be_visible(timeout=ANSWER_MS)
    brushed.dblclick(position={"x": 300, "y": 20})
    expect(brushed).to_have_count(0, timeout=ANSWER_MS)


def look_in_both_themes_and_widths(notebook: NotebookPage, panel: Locator) -> None:
    """Pictures follow the theme, and nothing is cut off at the side."""
    turn_to(panel, "Run")
    image = panel.locator('img[data-chart^="scores"]')
    for theme, dark in (("JupyterLab Dark", 1), ("JupyterLab Light", 0)):
        notebook.page.evaluate(THEME, theme)
        shown = panel.locator("img.nas-dark[data-chart^=scores]")
        expect(shown).to_have_count(dark, timeout=ANSWER_MS)
        expect(image).to_have_css("filter", "none", timeout=ANSWER_MS)
    for width in (800, 1280):
        notebook.page.set_viewport_size({"width": width, "height": 1800})
        for title in SHOWN:
            turn_to(panel, title)
            expect(panel.get_by_role("tabpanel", name=title)).to_be_visible(timeout=ANSWER_MS)
            panel.page.wait_for_function(FITS, timeout=ANSWER_MS)


def point_at_a_mark_and_select_it(panel: Locator) -> None:
    """Hovers over a trial in the chart, clicks it, zooms in by dragging, and out again."""
    turn_to(panel, "Run")
    page, chart = panel.page, panel.locator('img[data-chart^="scores"]')
    expect(chart).to_be_visible(timeout=ANSWER_MS)
    tip = point_at(page, lambda: page.evaluate(CHART)["marks"]["1"])
    expect(tip).to_contain_text(re.compile(r"trial \d+: completed, val_accuracy"))
    page.wait_for_function(RINGED, timeout=ANSWER_MS)
    box = page.evaluate(CHART)
    page.mouse.down()
    # Trials that end meanwhile move the marks: the click means what the tip says.
    named = page.evaluate(POINTED)["trial"]
    page.mouse.up()
    expect(panel.get_by_label("Selected trial")).to_have_value(named, timeout=ANSWER_MS)
    told, next_one = page.evaluate(NEXT_BY_KEY, int(named))
    assert told == next_one
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"], steps=4)
    expect(page.locator(".nas-box")).to_be_visible()
    page.mouse.up()
    expect(page.locator(".nas-box")).to_be_hidden()
    chart.dblclick(position={"x": 500, "y": 500})


def choose_a_trial(panel: Locator) -> None:
    """Clicks a row and a header of the leaderboard, and finds the trial in full beside it."""
    turn_to(panel, "Trials")
    field(panel, "Filter").fill("trial<2")  # a page has ten rows, and by now there may be more
    field(panel, "Filter").press("Tab")
    expect_two_rows(panel)
    panel.locator('tr[data-trial="0"]').click()
    expect(panel.get_by_label("Selected trial")).to_have_value("0", timeout=ANSWER_MS)
    expect(panel.get_by_role("table", name="Trial 0")).to_be_visible(timeout=ANSWER_MS)
    expect(panel.get_by_role("img", name=re.compile("Diagram of trial 0"))).to_be_visible()
    panel.locator('th[data-sort="params"]').click()
    expect(panel.get_by_label("Sort by")).to_have_value("params", timeout=ANSWER_MS)
    field(panel, "Filter").fill("")
    button(panel, "Keras code").click()
    expect(panel.get_by_text("def build_model()")).to_be_visible(timeout=ANSWER_MS)
    button(panel, "Copy code").filter(visible=True).click()
    expect(button(panel, "Copied")).to_be_visible(timeout=ANSWER_MS)
    button(panel, "Compare").click()
    expect(panel.get_by_text("Score and costs")).to_be_visible(timeout=ANSWER_MS)
    marked = re.compile(r"Diagram of trial 0: .*Marked: \d+ that trial \d+ has not")
    expect(panel.get_by_role("img", name=marked)).to_be_visible(timeout=ANSWER_MS)


def expect_two_rows(panel: Locator) -> None:
    """Waits until the filter holds: rows that move under a click are another's."""
    found = panel.locator(".nas-board caption")
    expect(found).to_contain_text("2 of 2 trials", timeout=ANSWER_MS)


def steer(panel: Locator) -> None:
    """Does everything that can be done to a running search, and finds it in the list."""
    turn_to(panel, "Steer")
    done = panel.get_by_role("table", name="Interventions")
    field(panel, "Choice").select_option("units")
    field(panel, "Rule").select_option("at least")
    expect(field(panel, "Value")).to_have_value("32", timeout=ANSWER_MS)
    left = panel.get_by_text("The rule would leave")
    of_the_first = left.inner_text()
    field(panel, "Value").fill("64")
    field(panel, "Value").press("Tab")
    expect(left).not_to_have_text(of_the_first, timeout=ANSWER_MS)
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


def test_it_works_by_keyboard_alone_and_says_what_does_not_fit(open_notebook):
    notebook, panel = opened(open_notebook)
    keys = notebook.page.keyboard
    cells = notebook.page.locator(".jp-Cell").count()
    button(panel, "Start").focus()
    assert reached_by_tab(notebook, "Epochs per trial") == [
        *("Settings", "Quick", "Balanced", "Thorough", "Advanced"),
        *("Strategy", "Real et al., 2019", "Population", "Sample", "Inherit weights"),
        *("Max trials", "Max time", "Objective", "Epochs per trial"),
    ]
    enter_a_wrong_time_and_mend_it(panel)
    choose_a_strategy_by_keys(panel)
    button(panel, "Start").focus()
    keys.press("Enter")
    expect_trials(panel, 2)
    chart = panel.locator('img[data-chart^="scores"]')
    chart.focus()
    keys.press("ArrowRight")
    expect(notebook.page.locator(".nas-tip")).to_contain_text("trial 0", timeout=ANSWER_MS)
    keys.press("Enter")
    expect(panel.get_by_label("Selected trial")).to_have_value("0", timeout=ANSWER_MS)
    turn_by_keys(panel, "Run", "Trials")
    expect(panel.get_by_role("table", name="Trial 0")).to_be_visible(timeout=ANSWER_MS)
    choose_a_trial_by_keys(panel)
    turn_by_keys(panel, "Trials", "Insights", "Steer")
    apply_a_rule_by_keys(panel)
    button(panel, "Stop").focus()
    keys.press("Space")
    expect(status(panel)).to_contain_text("Stopped", timeout=LIMIT_MS)
    assert notebook.page.locator(".jp-Cell").count() == cells


def choose_a_trial_by_keys(panel: Locator) -> None:
    """Finds a row by the filter, and chooses it; marking it draws the leaderboard anew."""
    field(panel, "Filter").focus()
    panel.page.keyboard.type("trial<2")
    panel.page.keyboard.press("Tab")
    expect_two_rows(panel)
    row = panel.locator('tr[data-trial="1"]')
    row.focus()
    panel.page.keyboard.press("Enter")
    expect(panel.get_by_role("table", name="Trial 1")).to_be_visible(timeout=ANSWER_MS)
    expect(row).to_be_focused()


def apply_a_rule_by_keys(panel: Locator) -> None:
    keys = panel.page.keyboard
    field(panel, "Rule").focus()
    keys.press("ArrowDown")
    expect(field(panel, "Rule")).to_have_value("leave out", timeout=ANSWER_MS)
    button(panel, "Apply").focus()
    keys.press("Enter")
    steered = panel.get_by_role("table", name="Interventions")
    expect(steered).to_contain_text("restricted", timeout=ANSWER_MS)


def choose_a_strategy_by_keys(panel: Locator) -> None:
    """A letter looks for the next that begins with it; in the page's hands some cut the cell."""
    strategy = field(panel, "Strategy")
    strategy.focus()
    strategy.press("n")
    expect(field(panel, "Crossover")).to_be_visible(timeout=ANSWER_MS)
    strategy.press("ArrowUp")
    expect(strategy).to_have_value("evolution", timeout=ANSWER_MS)


def turn_by_keys(panel: Locator, here: str, *then: str) -> None:
    """Turns from one place to the next ones, as a screen reader's user does."""
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
    expect(panel.get_by_role("alert")).to_contain_text("duration", timeout=ANSWER_MS)
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
