"""JupyterLab's launcher and command palette offer a new search."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

import nas_nb
from tests.browser.server import LABEXTENSIONS

SCRIPT = LABEXTENSIONS / "nas_nb" / "static" / "launcher.js"
ANSWER_MS = 120_000


def test_its_cells_make_a_search(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = json.loads(re.search(r"const CELLS = (\[.*?\n  \]);", SCRIPT.read_text(), re.DOTALL)[1])
    assert len(cells) == 4
    names = {}
    exec("\n".join(cells).replace("%load_ext nas_nb", ""), names)
    assert isinstance(names["search"], nas_nb.Search)
    assert names["search"].budget.max_trials == 30


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_its_card_opens_a_notebook_with_the_cells_of_a_search(context, server):
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{server.url}/lab?token={server.token}")
    card = page.locator(".jp-LauncherCard", has_text="New architecture search")
    expect(card).to_be_visible(timeout=ANSWER_MS)
    card.click()
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    expect(cells).to_have_count(4, timeout=ANSWER_MS)
    expect(cells.first).to_contain_text("load_ext nas_nb")
    expect(cells.last).to_contain_text("nas.Search(space, data")
    known = "() => window.jupyterapp.commands.label('nas_nb:new-search')"
    assert page.evaluate(known) == "New architecture search"
    assert errors == []
