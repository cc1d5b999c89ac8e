"""Pictures of every tab of the panel, for people to look at and for the pages.

    python -m tests.browser.screenshots FOLDER [docs]

A search is run and steered in a real JupyterLab and a real Notebook, and each place, searches that
failed, had several objectives or worker processes, the search played back and a race of strategies
are photographed in the light and the dark theme, narrow (800 px) and wide (1280 px). With a second
folder, only the three that README and docs/steering.md show are taken, and are written there with
fewer colours.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from PIL import Image
from playwright.sync_api import Browser, Locator, expect, sync_playwright

from tests.browser.conftest import CHROMIUM_OPTIONS, notebook_of
from tests.browser.driver import NotebookPage
from tests.browser.server import JupyterServer

MAKE = """
%load_ext nas_nb
import nas_nb as nas

space = {
    "layers": ["Conv2D", "Dense"],
    "units": [16, 32, 64],
    "activations": ["relu", "tanh"],
    "learning_rate": [0.001, 0.003],
}
search = nas.Search(
    space, "digits", strategy="evolution", strategy_options={"population": 12},
    max_trials=400, epochs=20
)
"""
STEER = """
import time

def trials(count):
    while len(search.history.finished) < count:
        time.sleep(0.1)

trials(14)
search.steer.at_least(units=32)
trials(20)
search.steer.queue(search.best.architecture)
search.steer.strategy("predictor")
trials(36)
"""
PLOT = "search.plot.scores();"
TIMELINE = "two.wait()\ntwo.plot.timeline();"
REPLAY = "nas.replay(search.directory)"
RACE = """
race = nas.race(
    space, "digits", strategies=["random", "evolution", "local_search"], seeds=2,
    max_trials=8, epochs=3, directory="race",
)
"""
STATES = {
    "failed": """
def too_small(hp):
    if hp.Choice("width", [32, 16]) == 16:
        raise ValueError("a width of 16 is too small for this data")
    return nas.SearchSpace.from_dict(space).for_data(nas.load("digits").spec).build(hp)

failed = nas.Search(too_small, "digits", strategy="random", max_trials=8, epochs=2)
failed.panel()
failed.start()
failed.wait()
""",
    "objectives": """
front = nas.Search(
    space, "digits", strategy="nsga2", objective=["val_accuracy", "params"], max_trials=30, epochs=2
)
front.panel()
front.start()
front.wait()
""",
    "workers": """
two = nas.Search(space, "digits", strategy="random", max_trials=12, epochs=2, workers=2)
two.panel()
two.start()
while len(two.history.finished) < 4:
    time.sleep(0.1)
""",
}
TOUR = {
    "failed": ("Run", "Trials", "Insights"),
    "objectives": ("Run", "Insights"),
    "workers": ("Run",),
}
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
WITHOUT_PICTURE = ("Steer",)
FOR_PAGES = {
    "run-light-wide": "panel-run",
    "insights-light-wide": "panel-insights",
    "steer-light-wide": "panel-steer",
}
WIDTHS = {"narrow": 800, "wide": 1280}
FRONT_ENDS = ("lab", "notebook")
LIMIT_MS = 600_000


def photograph(browser: Browser, server: JupyterServer, folder: Path, names: set[str]) -> None:
    """Runs the search, and takes a picture of each tab while it runs; only of `names`, if any."""
    nbformat.write(
        notebook_of(MAKE, "search.panel()", STEER, PLOT, *STATES.values(), TIMELINE, REPLAY, RACE),
        server.files / "panel.ipynb",
    )
    page = browser.new_page(viewport={"width": 1280, "height": 2400}, device_scale_factor=1)
    page.set_default_timeout(LIMIT_MS)
    notebook = NotebookPage(page, server, "panel.ipynb", folder)
    notebook.run_through("search.panel()", LIMIT_MS)
    panel = notebook.output("search.panel()")
    expect(panel.get_by_role("status")).to_have_text("Ready to start.", timeout=60_000)
    if not names:
        panel.get_by_role("button", name="Advanced", exact=True).click()
        looks(notebook, panel.locator(".nas-panel"), "settings")
    panel.get_by_role("button", name="Start", exact=True).click()
    notebook.run(STEER, LIMIT_MS)
    titles = [tab.inner_text() for tab in panel.get_by_role("tab").all()]
    for title in titles:
        if not names:
            in_all_looks(notebook, panel, title)
        elif f"{title.lower()}-light-wide" in names:
            open_tab(panel, title)
            look(notebook, panel.locator(".nas-panel"), title.lower(), "light", "wide")
    panel.get_by_role("button", name="Stop", exact=True).click()
    expect(panel.get_by_role("status")).to_contain_text("Stopped", timeout=LIMIT_MS)
    if not names:
        photograph_end(notebook, panel)
        for state in STATES:
            photograph_state(notebook, state)
        notebook.run(TIMELINE, LIMIT_MS)
        looks(notebook, notebook.output(TIMELINE), "timeline")
        looks(notebook, notebook.output(STATES["workers"].strip()), "finished")
        photograph_races(notebook)
    assert not notebook.errors, notebook.errors


def photograph_end(notebook: NotebookPage, panel: Locator) -> None:
    """Takes the pictures of two trials compared, of a stopped search, and of a plot of a cell."""
    open_tab(panel, "Trials")
    panel.get_by_role("button", name="Compare", exact=True).click()
    panel.get_by_role("button", name="Columns", exact=True).click()
    panel.get_by_role("button", name="Keras code", exact=True).click()
    looks(notebook, panel.locator(".nas-panel"), "compare")
    open_tab(panel, "Run")
    panel.get_by_label("Horizontal axis").select_option("seconds")
    looks(notebook, panel.locator(".nas-panel"), "stopped")
    notebook.run(PLOT, LIMIT_MS)
    looks(notebook, notebook.output(PLOT), "plot")


def photograph_state(notebook: NotebookPage, state: str) -> None:
    """Takes the pictures of a search that went another way."""
    notebook.run(STATES[state], LIMIT_MS)
    panel = notebook.output(STATES[state].strip())
    outputs = [output for cell in notebook.save().cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    for title in TOUR[state]:
        open_tab(panel, title)
        looks(notebook, panel.locator(".nas-panel"), f"{state}-{title.lower()}")


def photograph_races(notebook: NotebookPage) -> None:
    """Takes the pictures of the search played back, and of a race and its record."""
    notebook.run(REPLAY, LIMIT_MS)
    played = notebook.output(REPLAY)
    slider = played.get_by_role("slider")
    slider.focus()
    slider.press("End")
    for _ in range(12):
        slider.press("ArrowLeft")
    looks(notebook, played, "replay")
    notebook.run(RACE, LIMIT_MS)
    raced = notebook.output(RACE.strip())
    expect(raced).to_contain_text("Best mean val_accuracy", timeout=LIMIT_MS)
    looks(notebook, raced, "race")


def in_all_looks(notebook: NotebookPage, panel: Locator, title: str) -> None:
    """Takes the pictures of one tab."""
    open_tab(panel, title)
    looks(notebook, panel.locator(".nas-panel"), title.lower())
    if title == "Insights":
        for view in panel.locator(".nas-view button").all():
            view.click()
            looks(notebook, panel.locator(".nas-panel"), f"insights-{view.inner_text().lower()}")


def open_tab(panel: Locator, title: str) -> None:
    """Opens a tab, and waits for its picture."""
    panel.get_by_role("tab", name=title, exact=True).click()
    if title in WITHOUT_PICTURE:
        expect(panel).to_contain_text("are left", timeout=60_000)
    else:
        expect(panel.get_by_role("img").first).to_be_visible(timeout=60_000)


def looks(notebook: NotebookPage, shown: Locator, name: str) -> None:
    """Takes the pictures of what is shown: in both themes and both widths."""
    for theme in THEMES:
        for size in WIDTHS:
            look(notebook, shown, name, theme, size)


def look(notebook: NotebookPage, shown: Locator, name: str, theme: str, size: str) -> None:
    """Takes the picture of what is shown, in one theme and one width."""
    change = "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    notebook.page.evaluate(change, THEMES[theme])
    notebook.page.set_viewport_size({"width": WIDTHS[size], "height": 2400})
    notebook.page.wait_for_timeout(800)  # the theme's fade
    others = shown.locator(f"img.nas-plot{':not(.nas-dark)' if theme == 'dark' else '.nas-dark'}")
    expect(others.filter(visible=True)).to_have_count(0, timeout=60_000)
    notebook.page.wait_for_timeout(800)
    notebook.screenshot(f"{name}-{theme}-{size}", shown)


def shrink(folder: Path, docs: Path) -> None:
    """Writes the pictures for the pages: a palette makes them a third of the size."""
    docs.mkdir(parents=True, exist_ok=True)
    for source, name in FOR_PAGES.items():
        with Image.open(folder / f"{source}.png") as picture:
            # The usual method gives the few green marks the colour of the many blue ones.
            small = picture.convert("RGB").quantize(96, Image.Quantize.MAXCOVERAGE)
            small.save(docs / f"{name}.png", optimize=True)


def chromium() -> str:
    """Returns where the browser is."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")
    docs = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    for front_end in FRONT_ENDS[: 1 if docs else None]:
        home = Path(tempfile.mkdtemp(prefix="nas-nb-screenshots-"))
        with sync_playwright() as playwright, JupyterServer(home, front_end) as server:
            browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_OPTIONS)
            photograph(browser, server, folder / front_end, set(FOR_PAGES) if docs else set())
            browser.close()
        shutil.rmtree(home, ignore_errors=True)
    if docs is not None:
        shrink(folder / "lab", docs)


if __name__ == "__main__":
    main()
