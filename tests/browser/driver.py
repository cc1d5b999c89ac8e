"""One notebook in one browser page, driven through JupyterLab's own commands."""

from __future__ import annotations

from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page

from tests.browser.server import JupyterServer

OPEN_LIMIT_MS = 90_000
CELL_LIMIT_MS = 120_000

# Notebook 7.6 throws this by itself, on any notebook.
KNOWN_ERRORS = {"lab": (), "notebook": ("(reading 'schema')",)}

# The notebook's widget: in a page that shows one document it is the only one with content.
PANEL = """(() => {
    const shell = window.jupyterapp.shell;
    const widgets = [shell.currentWidget, ...shell.widgets('main')];
    return widgets.find(widget => widget?.content && widget?.sessionContext);
})()"""

# A command returns a promise; it is kept in a list, so that the wait for it can have a limit.
START = """([name, run]) => {
    window.finished ??= {};
    window.jupyterapp.commands.execute(name).then(
        () => { window.finished[run] = 'done'; },
        error => { window.finished[run] = String(error); });
}"""


class NotebookPage:
    """An open notebook whose kernel is idle.

    A cell is named by its source, or by a piece of it that no cell above has, so that a test reads
    like the notebook and keeps working when a cell is added.

    Args:
        page: A new browser page.
        server: The server that shows the file.
        name: The file's name in the server's folder.
        screenshots: The folder that `screenshot` writes to.
    """

    def __init__(self, page: Page, server: JupyterServer, name: str, screenshots: Path) -> None:
        self.page = page
        self.file = server.files / name
        self.errors: list[str] = []
        self._screenshots = screenshots
        self._runs = 0
        self._known_errors = KNOWN_ERRORS[server.front_end]
        page.on("pageerror", lambda error: self._note("error", str(error)))
        page.on("console", lambda message: self._note(message.type, message.text))
        page.goto(server.address(name))
        self._wait_for_kernel()

    def run_all(self, limit_ms: int = CELL_LIMIT_MS) -> None:
        """Runs every cell and returns after the last has ended."""
        self._command("notebook:run-all-cells", limit_ms)

    def run(self, source: str, limit_ms: int = CELL_LIMIT_MS) -> None:
        """Runs a code cell and returns when it has ended."""
        self._run_position(self._position(source), limit_ms)

    def run_through(self, source: str, limit_ms: int = CELL_LIMIT_MS) -> None:
        """Runs the code cells from the top, up to and with the one named."""
        for position in range(self._position(source) + 1):
            self._run_position(position, limit_ms)

    def output(self, source: str) -> Locator:
        """The output of a code cell.

        Texts are looked for in here and not in the page, which also shows the source.
        """
        cells = self.page.locator(".jp-Notebook .jp-CodeCell")
        return cells.nth(self._position(source)).locator(".jp-Cell-outputArea")

    def reload(self) -> None:
        """Loads the page again, as a reader does whose connection was lost. The kernel lives on."""
        self.page.reload()
        self._wait_for_kernel()

    def restart_kernel(self) -> None:
        """Restarts the kernel, as its user does who wants everything new."""
        self.page.evaluate(f"() => {PANEL}.sessionContext.session.kernel.restart()")
        self._wait_for_kernel()

    def expect_kernel_end(self) -> None:
        """Takes it that the kernel ends in mid-message, which JupyterLab reports."""
        self._known_errors = (*self._known_errors, "Kernel message validation error")

    def shut_kernel_down(self) -> None:
        """Ends the kernel, whatever it does."""
        self.expect_kernel_end()
        self.page.evaluate(f"() => {PANEL}.sessionContext.shutdown()")

    def save(self) -> nbformat.NotebookNode:
        """Saves the notebook and returns what is in the file."""
        self._command("docmanager:save", CELL_LIMIT_MS)
        return nbformat.read(self.file, as_version=4)

    def screenshot(self, name: str, of: Locator | None = None) -> Path:
        """Keeps a picture of the page, or of one part of it, and returns its path."""
        self._screenshots.mkdir(parents=True, exist_ok=True)
        path = self._screenshots / f"{name}.png"
        (of or self.page).screenshot(path=path)
        return path

    def _position(self, source: str) -> int:
        """The place of a cell among the code cells, from 0."""
        sources = self.page.evaluate(
            f"() => {PANEL}.content.widgets.filter(cell => cell.model.type === 'code')"
            ".map(cell => cell.model.sharedModel.getSource())"
        )
        if source in sources:
            return sources.index(source)
        for place, text in enumerate(sources):
            if source in text:
                return place
        raise LookupError(f"no code cell contains {source!r}: {sources}")

    def _run_position(self, position: int, limit_ms: int) -> None:
        self.page.evaluate(
            f"""position => {{
                const content = {PANEL}.content;
                const code = content.widgets.filter(cell => cell.model.type === 'code');
                content.activeCellIndex = content.widgets.indexOf(code[position]);
                content.deselectAll();
            }}""",
            position,
        )
        self._command("notebook:run-cell", limit_ms)

    def _command(self, name: str, limit_ms: int) -> None:
        """Executes a command of JupyterLab; its promise ends when the cells have ended.

        The kernel's status says less: messages of widgets turn it to idle while a cell is busy.
        """
        self._runs += 1
        self.page.evaluate(START, [name, self._runs])
        finished = "run => window.finished[run]"
        outcome = self.page.wait_for_function(finished, arg=self._runs, timeout=limit_ms)
        if (text := outcome.json_value()) != "done":
            raise RuntimeError(f"JupyterLab could not do {name}: {text}")

    def _wait_for_kernel(self) -> None:
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=OPEN_LIMIT_MS)
        self.page.wait_for_function(
            "() => window.jupyterapp && "
            f"{PANEL}?.sessionContext.session?.kernel?.status === 'idle'",
            timeout=OPEN_LIMIT_MS,
        )

    def _note(self, kind: str, text: str) -> None:
        if kind == "error" and not any(known in text for known in self._known_errors):
            self.errors.append(text)
