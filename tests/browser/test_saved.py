"""A notebook that is saved while its search runs, and opened again without its kernel."""

from __future__ import annotations

import re

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


def test_saved_while_it_runs_it_is_readable_when_its_kernel_is_gone(
    open_notebook, front_end, servers
):
    notebook, panel = opened(open_notebook)
    button(panel, "Start").click()
    expect_trials(panel, 2)
    record = panel.locator(".nas-record")
    # It was made at the start, and is made anew while the search goes on.
    expect(record).to_contain_text(re.compile(r"[1-9]\d* of 200 trials ended"), timeout=LIMIT_MS)
    expect(record).to_be_hidden()
    notebook.save()
    server = servers.of(front_end)
    server.stop_kernels()
    # The page that is still open says that nobody answers, and looks alive no longer.
    expect(panel.get_by_text("The kernel has not answered")).to_be_visible(timeout=ANSWER_MS)
    expect(button(panel, "Pause")).to_be_hidden()
    expect(status(panel)).to_be_hidden()
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
