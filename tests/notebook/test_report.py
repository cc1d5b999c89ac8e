from __future__ import annotations

import base64
import re
from types import SimpleNamespace

import pytest
from IPython.core.error import UsageError

import nas_nb
from nas_nb.errors import SearchError
from nas_nb.notebook import report
from nas_nb.notebook.report import Report, reopen_line
from nas_nb.notebook.wording import Snapshot
from nas_nb.strategy.function import FunctionStrategy
from nas_nb.workers.control import SearchState
from tests.notebook.fakes import FAILED, FakeSearch, add_trial
from tests.search.tiny import CHOICES, tiny_data


@pytest.fixture
def search():
    search = FakeSearch(0.5, FAILED, 0.75, state=SearchState.FINISHED)
    search.reason = "max_trials=3 reached"
    return search


def test_it_holds_html_a_picture_and_text(search):
    bundle = Report(search)._repr_mimebundle_()
    assert sorted(bundle) == ["image/png", "text/html", "text/plain"]
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "fact",
    [
        "984 architectures",
        "digits: 10 train",
        "val_accuracy (higher is better)",
        "evolution (population=",
        "10 trials; 2 epochs per trial",
        "Finished: max_trials=3 reached",
        "Incumbent: trial 2",
        "1 failed trial",
        "it is too &lt;deep&gt;",
        "The best 2 of 2 trials",
    ],
)
def test_the_html_says_all_a_reader_has_to_know(search, fact):
    assert fact in Report(search).html


def test_the_html_needs_nothing_from_outside(search):
    html = Report(search).html
    assert set(re.findall(r"<(\w+)", html)) <= {
        *("p", "strong", "img", "table", "caption", "thead", "tbody", "tr", "th", "td", "code")
    }
    assert not re.search(r"<script|<style|http|class=\"jp|on\w+=", html)
    assert re.search(r'<img alt="Above: [^"]+" width="\d+" height="\d+" src="data:', html)


def test_it_says_where_the_journal_is(search, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    search.directory = tmp_path / "runs" / "one"
    assert "not written before the start" in Report(search).text
    search.directory.mkdir(parents=True)
    (search.directory / "journal.jsonl").touch()
    assert "journal: runs/one/journal.jsonl" in Report(search).text


def test_the_text_is_the_leaderboard_and_the_facts(search):
    text = repr(Report(search))
    assert "Architecture search 'digits'" in text
    assert "  trial    2  0.7500  depth=1, 1: Dense 3" in text
    assert "seed: 0" in text


def test_it_stays_as_it_was_when_the_search_goes_on(search):
    report = Report(search)
    add_trial(search.history, 0.99)
    assert "0.9900" not in report.html


def test_what_was_chosen_and_why_is_said_where_the_strategy_is(search):
    search.strategy_reason = "grid, because it is small."
    for text in (Report(search).html, Report(search).text):
        assert "evolution: grid, because it is small. (population=" in text


BUILD = """
import keras
import nas_nb as nas
from tests.search.tiny import tiny_data

rows = tiny_data()

def small(hp):
    units = hp.Choice("units", [2, 3])
    layers = [keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model

def mine(history, rng):
    return {"units": 2 + len(history) % 2}

search = nas.Search(small, rows, strategy=mine, max_trials=1, epochs=1, directory="two").run()
"""


def test_the_line_that_reopens_a_search_works_as_it_stands_and_one_error_names_all(
    shell, monkeypatch
):
    monkeypatch.setattr(report, "get_ipython", lambda: shell)
    shell.run_cell(BUILD).raise_error()
    line = reopen_line(Snapshot(shell.user_ns["search"]))
    assert line == "nas.open('two', space=small, data=rows, strategy=mine)"
    assert (
        "Reopen: <code>nas.open(&#x27;two&#x27;, space=small"
        in Report(shell.user_ns["search"]).html.splitlines()[0]
    )
    again = shell.run_cell(line.replace("nas.open", "again = nas.open"))
    again.raise_error()
    assert len(shell.user_ns["again"].trials) == 1
    with pytest.raises(
        SearchError, match=r"space=\.\.\., data=nas.Data.*, strategy=\.\.\."
    ) as seen:
        nas_nb.open("two")
    assert "that builds its models, its data 'tiny' and its strategy 'mine'" in str(seen.value)
    magic = "open --data rows two --space small --strategy mine"
    assert len(shell.run_line_magic("nas", magic).trials) == 1
    with pytest.raises(UsageError, match="'smal' is not defined"):
        shell.run_line_magic("nas", "open two --space smal --data rows")
    with pytest.raises(UsageError, match="they are for `%nas open`"):
        shell.run_line_magic("nas", "status --space small")


def test_what_is_in_the_journal_need_not_be_given(search):
    assert reopen_line(Snapshot(search)).startswith("nas.open('nas_nb_runs/digits'")


def test_a_page_needs_nothing_from_outside_and_escapes_all_text(tmp_path):
    name = "<b>a</b>"
    search = nas_nb.Search(
        CHOICES, tiny_data(), strategy="random", max_trials=2, epochs=1, name=name,
        directory=tmp_path / "run",
    ).run()  # fmt: skip
    search.report(tmp_path / "report.html")
    for path in ("report.html/page.html", "run"):
        with pytest.raises(SearchError, match="Expected a path that can be written"):
            search.report(tmp_path / path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for told in ("Its architecture", "def build_model():", "Fingerprints"):
        assert told in page
    assert "&lt;b&gt;a&lt;/b&gt;" in page
    assert name not in page
    assert not re.search(r"<script|<link|(src|href)=.(?!data:)", page)
    assert page.count("<img") >= 2


@pytest.mark.parametrize(
    ("held", "named"),
    [
        ({}, "<the space of this search>"),
        ({"space": nas_nb.spaces.tabular(widths=(4, 8))}, "<the space of this search>"),
        ({"tables": nas_nb.spaces.tabular(), "space": CHOICES}, "tables"),
        ({"space": nas_nb.spaces.timeseries(), "tables": nas_nb.spaces.tabular()}, "tables"),
    ],
)
def test_a_variable_is_named_only_where_it_holds_what_the_search_has(held, named, monkeypatch):
    def propose(history, rng):
        return space.domain.sample(rng)

    names = dict(held)
    monkeypatch.setattr(report, "get_ipython", lambda: SimpleNamespace(user_ns=names))
    data = tiny_data()
    space = nas_nb.spaces.tabular().for_data(data.spec)
    now = SimpleNamespace(space=space, data=data, strategy=FunctionStrategy(propose))
    assert report._variable("space", now) == named
    assert report._variable("data", now) == "<the data of this search>"
    assert report._variable("strategy", now) == "<the strategy 'propose' of this search>"
    names["propose"] = now.strategy
    assert report._variable("strategy", now) == "propose"
