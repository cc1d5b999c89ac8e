"""Names are text in every picture and on every page, whatever characters they hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

from nas_nb.explain.proxy_ranking import ProxyRanks, ProxyScore, rank_proxies
from nas_nb.explain.summary import Neighbour
from nas_nb.notebook.explanation import NeighbourTable, ProxyTable
from nas_nb.notebook.plots.diagram import draw_layout
from nas_nb.notebook.plots.drawing import PlotContext
from nas_nb.notebook.plots.figures import PLOTS, Picture, Plots
from nas_nb.notebook.race import ComparisonView, NotebookRace, race
from nas_nb.record.history import History
from nas_nb.record.trial_facts import trials_frame
from nas_nb.space.domain import Domain
from nas_nb.space.graph import chain_graph, lay_out
from nas_nb.space.parameter import Parameter, ParameterKind
from tests.notebook.fakes import add_trial, history_of, tell
from tests.strategy.worlds import chain, quality

NAME = "a$_b$ \x1b[31m\u202e\ud800"
DOMAIN = Domain(
    (
        Parameter(f"depth {NAME}", ParameterKind.CHOICE, (f"1 {NAME}", f"2 {NAME}")),
        Parameter(f"units {NAME}", ParameterKind.INT, low=1, high=2000),
    )
)


@pytest.fixture(scope="module")
def history() -> History:
    told = history_of(objective=f"val_{NAME}")
    for number in range(30):
        values = {f"depth {NAME}": f"{1 + number % 2} {NAME}", f"units {NAME}": number + 1}
        add_trial(told, 0.5 + number / 100, **values)
    mixing = {f"edge {NAME}": [[f"none {NAME}", 0.4], [f"conv {NAME}", 0.6]]}
    detail = {"epoch": 1, "epochs": 1, "mixing": mixing}
    tell(told, "prepared", strategy="darts", what="mixing", detail=detail)
    tell(told, "steered", action="strategy", detail={"strategy": NAME, "options": {}})
    return told


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> NotebookRace:
    given: dict[str, Any] = {"strategies": {NAME: "random", "grid": "grid"}, "max_trials": 3}
    folder = tmp_path_factory.mktemp("race")
    return race(chain(), table=quality, seeds=2, directory=folder, **given)


def proxies() -> ProxyTable:
    rows = [{"params": ProxyScore(float(at), 2.0)} for at in range(6)]
    ranks = rank_proxies(rows, [float(at) for at in range(6)])
    named = [rank._replace(name=f"{NAME} {rank.name}") for rank in ranks]
    return ProxyTable(ProxyRanks(NAME, f"val_{NAME}", 6, named))


NAMELESS = ("fidelities", "timeline")
"""Pictures of numbers alone."""


def shown(ax: Axes) -> list[Text]:
    """All texts of a picture, once it is drawn."""
    ax.figure.canvas.draw()
    found = ax.findobj(Text)
    assert all(isinstance(text, Text) for text in found)
    return [text for text in found if isinstance(text, Text)]


def has_the_name(ax: Axes) -> bool:
    """Whether the name is in a picture; no text of it may be a formula or steer a terminal."""
    texts = shown(ax)
    assert not [
        text.get_text() for text in texts if set(text.get_text()) & {"\x1b", "\u202e", "\ud800"}
    ]
    assert not [
        text.get_text() for text in texts if "$" in text.get_text() and text.get_parse_math()
    ]
    return any("a$_b$ \\x1b[31m\\u202e\\ud800" in text.get_text() for text in texts)


@pytest.mark.parametrize("name", PLOTS)
def test_in_every_picture_of_a_search(name: str, history: History) -> None:
    context = PlotContext(history, DOMAIN, 0, 1)
    picture = Picture(PLOTS[name])
    assert picture.draw(context)
    (ax,) = picture._axes
    assert has_the_name(ax) or name in NAMELESS


@pytest.mark.parametrize("name", [name for name, plot in PLOTS.items() if plot.size])
def test_in_every_picture_that_a_search_can_be_asked_for(name: str, history: History) -> None:
    search: Any = SimpleNamespace(history=history, space=SimpleNamespace(domain=DOMAIN))
    assert has_the_name(getattr(Plots(search), name)()) or name in NAMELESS


@pytest.mark.parametrize("over", ["trials", "time"])
def test_in_the_picture_of_a_race(raced: NotebookRace, over: str) -> None:
    assert has_the_name(raced.plot(over)) or over == "time"


@pytest.mark.parametrize(
    "draw",
    [
        lambda: proxies().plot(),
        lambda: draw_layout(lay_out(chain_graph(("input", NAME, "output")))),
    ],
    ids=["proxies", "diagram"],
)
def test_in_the_other_pictures(draw: Callable[[], Axes]) -> None:
    assert has_the_name(draw())


def neighbours() -> NeighbourTable:
    return NeighbourTable([Neighbour({NAME: NAME}, NAME, f"1 {NAME}", f"2 {NAME}", 0.5, 0.1)])


def test_in_every_table(history: History, raced: NotebookRace) -> None:
    compared = ComparisonView({NAME: history, "other": history})
    frames = [trials_frame(history), raced.summary(), raced.frame(), proxies().frame()]
    for frame in (*frames, neighbours().frame(), compared.frame(), compared.curves()):
        assert len(frame)
        assert "a$_b$" in frame.to_csv(errors="surrogatepass")


def test_a_page_has_no_formulas(raced: NotebookRace, tmp_path: Path) -> None:
    pages = [raced._repr_mimebundle_()["text/html"], proxies()._repr_html_()]
    for page in pages:
        assert page.startswith('<div class="mathjax_ignore tex2jax_ignore">')
        assert page.encode("utf-8")
    assert "\x1b" not in repr(raced) + repr(proxies())
    assert json.dumps(repr(raced)).count("\\\\x1b") >= 1
