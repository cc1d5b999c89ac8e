from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from types import ModuleType

import pytest

from nas_nb.errors import SearchError
from nas_nb.notebook import output
from nas_nb.notebook.panel import panel
from nas_nb.notebook.search_display import Search
from nas_nb.search.search import Search as Engine
from nas_nb.workers.control import SearchState
from tests.search.tiny import CHOICES, tiny_data

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def make(tmp_path):
    def make(**changes):
        settings = {"strategy": "random", "max_trials": 2, "epochs": 1, **changes}
        return Search(CHOICES, tiny_data(), directory=tmp_path / "project", **settings)

    return make


@pytest.fixture
def outputs(monkeypatch):
    """Makes the test a notebook, and keeps what each shown output holds now."""
    kept = []

    class Handle:
        def __init__(self, bundle):
            self.place = len(kept)
            kept.append(bundle)

        def update(self, bundle, raw):
            kept[self.place] = bundle

    monkeypatch.setattr(output, "in_notebook", lambda: True)
    monkeypatch.setattr(panel, "display", lambda bundle, **_: Handle(bundle))
    return kept


def is_live(bundle):
    return WIDGET_VIEW in bundle


def saved(bundle):
    """What a notebook that is saved now tells its readers, in an output below the panel's."""
    assert not is_live(bundle)
    assert "nas-record" in bundle["text/html"]
    return bundle["text/html"]


def until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_interrupt_in_a_program_tells_what_is_kept_and_how_to_go_on(make, capsys):
    def propose(history, rng):
        if len(history.finished) == 1:
            signal.raise_signal(signal.SIGINT)
        return search.space.sample(rng)

    search = make(strategy=propose, max_trials=5)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        search.run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert search.reason == "interrupted"
    told = capsys.readouterr().out
    assert told.startswith("Interrupted: 1 of 5 trials ended, and all of it is kept. Go on with")
    assert told.endswith(".resume()`.\n")


def test_every_panel_stays_and_what_is_saved_below_it_becomes_the_last_record(make, outputs):
    search = make()
    search.panel()
    search.panel()
    assert "Ready to start." in saved(outputs[1])
    search.start().wait()
    assert not any(is_live(bundle) for bundle in outputs)  # no page has shown them
    search.listener.painter.panel.touch._take({"here": True})
    assert [is_live(bundle) for bundle in outputs] == [True, False, True, False]
    assert outputs[0] == outputs[2]
    search.configure(max_trials=3)
    search.start().wait()
    assert [is_live(bundle) for bundle in outputs] == [True, False, True, False]
    for record in (outputs[1], outputs[3]):
        assert "3 of 3 trials ended" in saved(record)


def test_awaiting_and_running_in_the_cell_bring_the_record_up_to_date_too(make, outputs):
    search = make(max_trials=3)
    search.panel()
    search.run()
    assert "3 of 3 trials ended" in saved(outputs[1])

    async def cell():
        await search.start()

    search.configure(max_trials=4)
    search.panel()
    asyncio.run(cell())
    assert "4 of 4 trials ended" in saved(outputs[3])


def test_clicks_start_pause_resume_and_stop_while_a_model_trains(make, outputs):
    search = make(max_trials=1000, epochs=2000, max_time="5 min")
    search.panel()
    buttons = search.listener.painter.panel.buttons
    buttons.primary.click()
    until(lambda: search.history.running is not None and search.history.running.epochs)
    until(lambda: buttons.primary.description == "Pause")
    buttons.primary.click()
    until(lambda: search.state is SearchState.PAUSED)
    until(lambda: buttons.primary.description == "Resume")
    epochs = search.history.epochs_spent
    buttons.primary.click()
    until(lambda: search.history.epochs_spent > epochs)
    until(lambda: not buttons.stop.disabled)
    buttons.stop.click()
    search.wait()
    assert search.state is SearchState.STOPPED
    assert "Stopped by its user" in saved(outputs[1])


def test_a_panel_opened_while_the_search_runs_follows_it(make, outputs):
    search = make().start()
    search.panel()
    search.wait()
    assert "2 of 2 trials ended" in saved(outputs[1])


def test_what_code_configures_the_panel_shows(make, outputs):
    search = make()
    search.panel()
    search.configure(strategy="evolution", max_trials=7)
    inputs = search.listener.painter.panel.controls.inputs
    assert inputs["strategy"].value == "evolution"
    assert inputs["max_trials"].value == "7"
    inputs["max_trials"].value = "9"
    assert search.budget.max_trials == 9


def test_closed_widgets_are_made_anew(make, outputs):
    search = make()
    search.panel()
    search.listener.painter.panel.widget.close()
    search.panel()
    assert outputs[0][WIDGET_VIEW] != outputs[2][WIDGET_VIEW]


def test_a_second_search_is_refused_beside_its_button(make, outputs, tmp_path):
    first = make(max_trials=1000, max_time="5 min").start()
    second = Search(CHOICES, tiny_data(), max_trials=1, directory=tmp_path / "second")
    second.panel()
    buttons = second.listener.painter.panel.buttons
    buttons.primary.click()
    assert "in this kernel, and only one can be" in buttons.refusal.value
    first.stop()
    first.wait()


def test_a_search_whose_output_is_asked_for_shows_panel_then_record(make, outputs, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    search = make()
    search._ipython_display_()
    assert len(outputs) == 2
    search.start().wait()
    search._ipython_display_()
    assert len(outputs) == 2
    assert "2 of 2 trials ended" in shown[0].html


def test_without_a_notebook_it_is_text(make, capsys):
    search = make()
    search._ipython_display_()
    search.panel()
    out = capsys.readouterr().out
    assert out.count("Ready to start.") == 2
    search.start().wait()
    assert "2 of 2 trials ended" in repr(search.report())
    scores = list(search.leaderboard()["score"])
    assert scores == sorted(scores, reverse=search.direction == "max")


def test_it_is_documented_as_the_engine_is():
    assert Search.__doc__ == Engine.__doc__
    assert all(getattr(Search, name).__doc__ for name in ("wait", "run", "configure", "panel"))


def test_an_engine_refusal_passes_through(make):
    with pytest.raises(SearchError, match="nothing to pause"):
        make().pause()


def test_in_colab_a_search_runs_in_the_cell_and_its_own_thread_paints(make, outputs, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    search = make(epochs=3)
    search.panel()
    panel = search.listener.painter.panel
    painters = set()
    panel._views["status"].observe(lambda _: painters.add(threading.current_thread()), "value")
    panel.buttons.primary.click()
    assert search.state is SearchState.FINISHED
    assert painters == {threading.main_thread()}
    assert not [one for one in threading.enumerate() if one.name.startswith("nas_nb")]
    assert "Finished" in saved(outputs[1])
