"""The moving picture of README: a search is started, steered, and its best code is shown.

python -m tests.browser.film docs/panel.gif
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM_OPTIONS, notebook_of
from tests.browser.driver import NotebookPage
from tests.browser.parts import button, field, status, turn_to
from tests.browser.screenshots import LIMIT_MS, chromium
from tests.browser.server import JupyterServer

LOAD = "import nas_nb as nas"
SIZE = (980, 820)
FRAME_MS, LAST_MS = 700, 3500
RING = (213, 94, 0)
GREYS = (0, 33, 66, 97, 140, 190, 255)
SEARCH = """search = nas.Search(
    {"layers": ["Conv2D", "Dense"], "units": [16, 32, 64], "activations": ["relu", "tanh"]},
    "digits", strategy="evolution", strategy_options={"population": 12}, max_trials=200, epochs=8,
)
search"""


class Film:
    """Frames of a page that differ, in one file that repeats them for ever."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._frames: list[Image.Image] = []
        self._lasting_ms: list[int] = []

    def take(self, lasting_ms: int = FRAME_MS, at: Locator | None = None) -> None:
        """Takes the page as it is, with a ring around what is about to be clicked."""
        frame = Image.open(io.BytesIO(self._page.screenshot())).convert("RGB")
        if at is not None and (box := at.bounding_box()):
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            ImageDraw.Draw(frame).ellipse((x - 22, y - 22, x + 22, y + 22), outline=RING, width=4)
        if self._frames and self._frames[-1].tobytes() == frame.tobytes():
            self._lasting_ms[-1] += lasting_ms
            return
        self._frames.append(frame)
        self._lasting_ms.append(lasting_ms)

    def click(self, at: Locator) -> None:
        """Shows what is clicked, and clicks it."""
        self.take(at=at)
        at.click()
        self._page.wait_for_timeout(1200)

    def watch(self, frames: int) -> None:
        """Takes frames as time goes by."""
        for _ in range(frames):
            self.take()
            self._page.wait_for_timeout(900)

    def save(self, path: Path) -> None:
        """Writes the frames with one palette for all."""
        some = [frame.resize((245, 205)) for frame in self._frames]
        sheet = Image.new("RGB", (245, 205 * len(some)))
        for place, frame in enumerate(some):
            sheet.paste(frame, (0, 205 * place))
        # What is thin, as text and the ring, is mixed away in small frames: it gets its share here.
        for place, colour in enumerate([RING, *((grey, grey, grey) for grey in GREYS)]):
            ImageDraw.Draw(sheet).rectangle((0, 40 * place, 245, 40 * place + 39), fill=colour)
        palette = sheet.quantize(96, dither=Image.Dither.NONE)
        first, *rest = (f.quantize(palette=palette, dither=Image.Dither.NONE) for f in self._frames)
        more = {"duration": self._lasting_ms, "loop": 0, "optimize": True}
        first.save(path, save_all=True, append_images=rest, **more)


def film(browser: Browser, server: JupyterServer, home: Path) -> Film:
    """Films a session of a user."""
    nbformat.write(notebook_of(LOAD, SEARCH), server.files / "film.ipynb")
    page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, device_scale_factor=1)
    notebook = NotebookPage(page, server, "film.ipynb", home)
    notebook.run_through(LOAD, LIMIT_MS)
    reel = Film(page)
    reel.take(1500)
    notebook.run(SEARCH, LIMIT_MS)
    panel = notebook.output(SEARCH)
    expect(status(panel)).to_have_text("Ready to start.", timeout=60_000)
    reel.take(1500)
    reel.click(button(panel, "Start"))
    panel.locator(".nas-panel").evaluate("panel => panel.scrollIntoView()")
    reel.watch(14)
    steer(reel, panel)
    turn_to(panel, "Run")
    reel.watch(10)
    reel.click(panel.get_by_role("tab", name="Trials", exact=True))
    reel.click(button(panel, "Keras code"))
    panel.locator(".nas-code").filter(visible=True).first.scroll_into_view_if_needed()
    page.wait_for_timeout(1200)
    reel.take(LAST_MS)
    button(panel, "Stop").click()
    expect(status(panel)).to_contain_text("Stopped", timeout=LIMIT_MS)
    return reel


def steer(reel: Film, panel: Locator) -> None:
    """Narrows the space while the search runs."""
    reel.click(panel.get_by_role("tab", name="Steer", exact=True))
    field(panel, "Choice").select_option("units")
    field(panel, "Rule").select_option("at least")
    field(panel, "Value").fill("32")
    field(panel, "Value").press("Tab")
    panel.page.wait_for_timeout(1200)
    reel.click(button(panel, "Apply"))
    reel.take(1000)


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="nas-nb-film-"))
    with sync_playwright() as playwright, JupyterServer(home) as server:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_OPTIONS)
        film(browser, server, home).save(Path(sys.argv[1]))
        browser.close()
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
