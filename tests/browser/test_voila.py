"""The panel as an app: Voilà serves a notebook that ends with it, and its reader starts it."""

from __future__ import annotations

import importlib.util
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.conftest import notebook_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(importlib.util.find_spec("voila") is None, reason="voila is not installed"),
]

APP = """
import nas_nb as nas

search = nas.Search(
    {"layers": ["Dense"], "units": [2, 3, 4, 5, 6], "activations": ["relu"], "depth": [1]},
    nas.load("wine"), strategy="random", max_trials=3, epochs=2, name="app",
)
"""
LIMIT_MS = 120_000
# Voilà's own page asks for these icons, which the panel does without.
OF_VOILA = re.compile("font-?awesome")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[str]:
    """The address of a Voilà server that shows the app alone."""
    nbformat.write(notebook_of(APP, "search.panel()"), tmp_path / "app.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "voila", "app.ipynb", "--no-browser", f"--port={port}"]
    with (tmp_path / "voila.log").open("w") as log:
        server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/voila/static/main.js", server)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "Voilà ended"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.1)
    raise AssertionError("Voilà does not answer")


def test_a_search_is_started_and_watched_in_an_app(browser: Browser, app: str, screenshots: Path):
    context = browser.new_context(viewport={"width": 1200, "height": 1400})
    refused: list[str] = []

    def guard(route: Route) -> None:
        if route.request.url.startswith((app, "data:", "blob:")):
            route.continue_()
        else:
            refused.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    page = context.new_page()
    page.goto(app, timeout=LIMIT_MS)
    status = page.get_by_role("status")
    expect(status).to_have_text("Ready to start.", timeout=LIMIT_MS)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(status).to_contain_text("Finished: max_trials=3 reached.", timeout=LIMIT_MS)
    expect(page.get_by_role("img", name=re.compile("val_accuracy per trial"))).to_be_visible()
    screenshots.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=screenshots / "voila.png")
    context.close()
    assert [url for url in refused if not OF_VOILA.search(url)] == []
