"""A server, a browser and notebooks in it, for the tests of this folder.

The browser's fixtures end with the folder: Playwright keeps an event loop running in the main
thread, in which no other test could run one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, BrowserContext, Route, sync_playwright

from tests.browser.driver import OPEN_LIMIT_MS, NotebookPage
from tests.browser.server import JupyterServer

# Chromium's sandbox refuses root, which containers run as. The rest keeps it off the network.
CHROMIUM_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Notes that a test failed, for the fixtures that end after it."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture(scope="package")
def chromium() -> str:
    """The browser's path: the one that CHROMIUM names, or the one that is installed."""
    named = os.environ.get("CHROMIUM")
    if named and shutil.which(named) is None:
        pytest.fail(f"CHROMIUM names {named}, which is no program")
    found = named or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium here: install the package chromium, or set CHROMIUM to its path")
    return found


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


class Servers:
    """One server for each front end, started when a test first asks for it."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self._home = home
        self._stack = stack
        self._started: dict[str, JupyterServer] = {}

    def of(self, front_end: str) -> JupyterServer:
        if front_end not in self._started:
            home = self._home / front_end
            home.mkdir()
            self._started[front_end] = self._stack.enter_context(JupyterServer(home, front_end))
        return self._started[front_end]

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(server.url for server in self._started.values())


@pytest.fixture(scope="package")
def servers(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(tmp_path_factory.mktemp("servers"), stack)


@pytest.fixture
def front_end() -> str:
    """Which front end shows the notebook; tests that run in both parametrise it."""
    return "lab"


@pytest.fixture
def server(servers: Servers, front_end: str) -> JupyterServer:
    return servers.of(front_end)


@pytest.fixture
def context(browser: Browser, servers: Servers) -> Iterator[BrowserContext]:
    """A browser profile whose pages may speak to our servers alone: what we show needs no CDN."""
    context = browser.new_context(viewport={"width": 1200, "height": 1800})
    context.set_default_timeout(OPEN_LIMIT_MS)  # also to load a page, beside a model that trains
    refused: list[str] = []

    def guard(route: Route) -> None:
        if route.request.url.startswith((*servers.addresses, "data:", "blob:")):
            route.continue_()
        else:
            refused.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    yield context
    context.close()
    assert not refused, f"the page asked the internet for {refused}"


@pytest.fixture
def screenshots(root: Path) -> Path:
    """Where pictures are kept for people to look at."""
    return Path(os.environ.get("SCREENSHOTS", root / "screenshots"))


@pytest.fixture
def open_notebook(
    context: BrowserContext,
    server: JupyterServer,
    screenshots: Path,
    root: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., NotebookPage]]:
    """Opens one of notebooks/ by its name, or a new notebook from the sources of its cells."""
    opened: list[NotebookPage] = []

    def open_one(*sources: str, name: str | None = None) -> NotebookPage:
        file = name or f"{request.node.name}.ipynb"
        if sources:
            nbformat.write(notebook_of(*sources), server.files / file)
        else:
            shutil.copy(root / "notebooks" / file, server.files / file)
        opened.append(NotebookPage(context.new_page(), server, file, screenshots))
        return opened[-1]

    yield open_one
    if request.node.stash.get(FAILED, True):
        for number, notebook in enumerate(opened):
            notebook.screenshot(f"failed-{request.node.name}-{number}")
    errors = [error for notebook in opened for error in notebook.errors]
    server.stop_kernels()
    assert not errors, f"the page reported {errors}"


def notebook_of(*sources: str) -> nbformat.NotebookNode:
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    # Without a kernel's name JupyterLab asks for one, and no cell runs.
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    return notebook
