"""A notebook that is saved while its search runs, and opened again without its kernel."""

from __future__ import annotations

import json
import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.driver import NotebookPage
from tests.browser.naming import nameless
from tests.browser.parts import ANSWER_MS, LIMIT_MS, button, expect_trials, opened, status

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.parametrize("front_end", ["lab", "notebook"]),
]


SAMPLE = """() => {
    const image = document.querySelector("img[data-chart^=scores]");
    return { at: Date.now() / 1000, alt: image.alt, marks: JSON.parse(image.dataset.marks),
             status: document.querySelector(".nas-status").innerText };
}"""


def test_its_chart_is_never_far_behind_and_what_is_saved_is_readable_when_its_kernel_is_gone(
    open_notebook, front_end, servers
):
    notebook, panel = opened(open_notebook)
    button(panel, "Start").click()
    expect_trials(panel, 1)
    compare_with_the_journal(notebook)
    record = panel.locator(".nas-record")
    # It was made at the start, and is made anew while the search goes on.
    expect(record).to_contain_text(re.compile(r"[1-9]\d* of 200 trials ended"), timeout=LIMIT_MS)
    expect(record).to_be_hidden()
    notebook.save()
    server = servers.of(front_end)
    # Its user shuts it down, or it dies.
    notebook.expect_kernel_end()
    (notebook.shut_kernel_down if front_end == "lab" else server.stop_kernels)()
    # The page that is still open says that nobody answers, and looks alive no longer.
    expect(panel.locator(".nas-gone-note")).to_contain_text(
        "The kernel has not answered", timeout=ANSWER_MS
    )
    expect(panel.locator(".nas-buttons")).to_be_hidden()
    expect(panel.locator(".nas-clock")).to_be_hidden()
    expect(status(panel).filter(visible=True)).to_have_count(0)
    # Its own server trusts the notebook: it looks for the panel, and finds no kernel that has it.
    page = notebook.page.context.new_page()
    again = NotebookPage(page, server, notebook.file.name, notebook.file)
    output = again.output("search.panel()")
    record = output.locator(".nas-record")
    expect(record.get_by_role("img")).to_be_visible(timeout=ANSWER_MS)
    expect(record).to_contain_text(re.compile(r"[1-9]\d* of 200 trials ended"))
    expect(record).to_contain_text("Reopen: nas.open(")
    expect(record).to_contain_text("Interrupted.")
    expect(record).not_to_contain_text("Running")
    expect(output.get_by_text("model not found")).to_be_hidden()
    assert nameless(record) == []
    # ipywidgets tells the console, too; that it looked is all that is said.
    assert [error for error in again.errors if "widget model not found" not in error] == []


def compare_with_the_journal(notebook: NotebookPage) -> None:
    """Looks at the chart every second, and sets its marks beside the journal's times."""
    journals = (notebook.file.parent / "nas_nb_runs").glob("*/journal.jsonl")
    journal = max(journals, key=lambda file: file.stat().st_mtime)
    samples, slowest_s = [], 0.0
    for _ in range(30):
        before_s = time.monotonic()
        notebook.page.wait_for_timeout(1000)
        slowest_s = max(slowest_s, time.monotonic() - before_s - 1)
        samples.append(of_one_moment(notebook))
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    ended = {e["trial"]: e["time"] for e in events if e["event"] == "trial_ended"}
    # Two seconds, and what the machine keeps even a page waiting that has nothing to do.
    assert worst_s(samples, ended) < 2 + 2 * slowest_s, slowest_s
    assert all(told_and_drawn(sample) for sample in samples)


def of_one_moment(notebook: NotebookPage) -> dict:
    """Reads picture and status; once more where that was between the two messages of a frame."""
    for _ in range(10):
        sample = notebook.page.evaluate(SAMPLE)
        if told_and_drawn(sample):
            break
        notebook.page.wait_for_timeout(50)
    return sample


def told_and_drawn(sample: dict) -> bool:
    """Returns whether the status and the picture tell of as many ended trials."""
    told = re.search(r"(\d+) of", sample["status"])[1]
    return told == re.search(r"(\d+) completed", sample["alt"])[1]


def worst_s(samples: list[dict], ended: dict[int, float]) -> float:
    """Returns for how long at most a trial had ended that a sample did not show."""
    missing = [
        sample["at"] - at
        for sample in samples
        for trial, at in ended.items()
        if trial not in {int(mark[0]) for mark in sample["marks"]}
    ]
    return max([0.0, *missing])
