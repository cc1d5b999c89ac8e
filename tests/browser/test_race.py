"""A race over a table, and one of its searches played back, in a real page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.naming import nameless
from tests.browser.parts import point_at

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.parametrize("front_end", ["lab", "notebook"]),
]

RACE = """
import nas_nb as nas
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind

units = [Parameter(f"units_{n}", ParameterKind.CHOICE, tuple(range(1, 9))) for n in (1, 2, 3)]
race = nas.race(
    Domain(tuple(units)), strategies=["random", "local_search"], seeds=2, max_trials=12,
    table=lambda values: 1 - sum(1 / value for value in values.values()) / 3, directory="race",
)
"""
REPLAY = 'nas.replay("race/local_search-seed0")'
ANSWER_MS = 30_000
MEAN = """chart => {
    chart.scrollIntoView({ block: "center" });
    const { x, y, width, height } = chart.getBoundingClientRect();
    const [, across, down] = JSON.parse(chart.dataset.marks).at(-1);
    return [x + across * width, y + down * height];
}"""


def test_a_race_keeps_its_record_and_a_search_of_it_is_played_back(open_notebook, front_end):
    notebook = open_notebook(RACE, REPLAY)
    notebook.run_all()
    race = notebook.output(RACE.strip())
    expect(race).to_contain_text("Best mean score", timeout=ANSWER_MS)
    expect(race.get_by_role("img")).to_have_attribute("alt", re.compile("Mean score.*local"))
    expect(race.locator("caption").filter(visible=True)).to_contain_text("over seeds")
    point_at_a_mean(race)

    played = notebook.output(REPLAY)
    expect(played).to_contain_text("12 of 12 trials", timeout=ANSWER_MS)
    slider = played.get_by_role("slider")
    slider.focus()
    slider.press("Home")
    expect(played).to_contain_text("0 of 12 trials", timeout=ANSWER_MS)
    slider.press("ArrowRight")
    expect(played).to_contain_text("1 of 12 trials", timeout=ANSWER_MS)
    played.get_by_role("button", name="Play").click()
    expect(played).to_contain_text("12 of 12 trials", timeout=ANSWER_MS)
    assert nameless(played) == []
    notebook.screenshot(f"race-{front_end}")

    played.get_by_role("button", name="Close").click()
    expect(played.get_by_role("slider")).to_have_count(0)
    saved = notebook.save()
    texts = [str(output) for cell in saved.cells for output in cell.outputs]
    assert sum("widget-view" in text for text in texts) == 1  # the race, beside its record
    assert any("nas-record" in text and "over seeds" in text for text in texts)
    assert any("12 of 12 trials" in text for text in texts)


def point_at_a_mean(race: Locator) -> None:
    """The tip says whose mean it is, and after how many trials."""
    chart = race.locator("img.nas-plot").filter(visible=True)
    tip = point_at(race.page, lambda: chart.evaluate(MEAN))
    expect(tip).to_contain_text(re.compile(r"(random|local_search) after .*: 0\."))
