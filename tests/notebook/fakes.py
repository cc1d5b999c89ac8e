"""A search that only says what it is told, for tests of what shows it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nas_nb.data.task import Task
from nas_nb.errors import SearchError
from nas_nb.evaluate.fidelity import Fidelity
from nas_nb.notebook.panel.inputs import TrialSelection
from nas_nb.notebook.panel.tabs import PanelContext
from nas_nb.notebook.plots.diagram import Drawings
from nas_nb.notebook.plots.drawing import PlotContext
from nas_nb.record.history import History
from nas_nb.search.budget import Budget
from nas_nb.search.objective import split_objectives
from nas_nb.search.settings import active_steering
from nas_nb.space.domain import Domain
from nas_nb.space.graph import chain_graph, lay_out
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from nas_nb.strategy.registry import make_strategy
from nas_nb.workers.control import SearchState

FAILED = object()
RUNNING = object()

_TIMES = itertools.count(1.0)


def tell(history: History, event: str, **fields: Any) -> None:
    history.apply({"event": event, "time": next(_TIMES), **fields})


def history_of(*scores: Any, direction: str = "max", objective: str = "val_accuracy") -> History:
    """A history with a trial per score; FAILED and RUNNING stand for trials without one."""
    history = History()
    tell(history, "search_opened", seed=0, objective=objective, direction=direction)
    for score in scores:
        add_trial(history, score)
    return history


def add_trial(history: History, score: Any, **values: Any) -> int:
    number = len(history)
    choices = values or {"depth": 1, "layer_1": "Dense", "units_1": number + 1}
    tell(history, "trial_proposed", trial=number, values=choices, origin="random")
    tell(history, "trial_started", trial=number, attempt=1, seed=1, epochs=2)
    if score is FAILED:
        reason = "it is too <deep>"
        tell(history, "trial_ended", trial=number, status="failed", reason=reason, duration_s=1.0)
        return number
    tell(history, "trial_built", trial=number, costs={"params": 1234})
    last = 0.5 if score is RUNNING else score
    train = history.objective.removeprefix("val_")
    logs = {train: last, history.objective: last}
    tell(history, "epoch_ended", trial=number, epoch=1, logs=logs, duration_s=1.0)
    if score is not RUNNING:
        ended = {"status": "completed", "score": score, "duration_s": 1.0}
        tell(history, "trial_ended", trial=number, **ended)
    return number


DEEP = (Condition("depth", (2,)),)
DOMAIN = Domain(
    (
        Parameter("depth", ParameterKind.CHOICE, (1, 2)),
        Parameter("layer_1", ParameterKind.CHOICE, ("Conv2D", "Dense")),
        Parameter("units_1", ParameterKind.INT, low=1, high=2000),
        Parameter("layer_2", ParameterKind.CHOICE, ("Conv2D", "Dense"), conditions=DEEP),
        Parameter("units_2", ParameterKind.CHOICE, (32, 64), conditions=DEEP),
    )
)


class FakeSpace:
    """A space whose models are never built."""

    domain = DOMAIN
    size = 984
    definition = SimpleNamespace(identity=None)

    def architecture(self, values: Any) -> Any:
        return SimpleNamespace(layout=lambda: lay_out(chain_graph(("input", "Dense 8", "output"))))


class FakeSteering:
    """Keeps what was asked of it in the history, as the real one does."""

    def __init__(self, search: FakeSearch) -> None:
        self._search = search

    @property
    def rules(self) -> Any:
        return active_steering(self._search.history).rules

    @property
    def queued(self) -> Any:
        return self._search.history.queued

    def __getattr__(self, action: str) -> Any:
        def act(*args: Any, **kwargs: Any) -> None:
            if self._search.refusal is not None:
                raise SearchError(self._search.refusal)
            if action == "budget":
                self._search.budget.replaced(**kwargs)
            self._search.steered.append((action, args, kwargs))

        return act


class FakeSearch:
    """What views and inputs use of a `Search`; it keeps what was asked of it in `asked`."""

    def __init__(self, *scores: Any, state: SearchState = SearchState.NEW, **history: Any) -> None:
        self.history = history_of(*scores, **history) if scores else History()
        self.state = state
        self.name = "digits"
        self.reason: str | None = None
        self.strategy_reason: str | None = None
        self.settings = SimpleNamespace(
            strategy=make_strategy("evolution"),
            budget=Budget(max_trials=10),
            fidelity=Fidelity(epochs=2, batch_size=32),
            objective=SimpleNamespace(name="val_accuracy"),
            minimised=(),
            prior=None,
            data=SimpleNamespace(task=Task.MULTICLASS, usual_objective=("val_accuracy", "max")),
            seed=0,
            workers="kernel",
        )
        self.workers: list[Any] = []
        self.about_workers = ""
        self.space = FakeSpace()
        self.data = SimpleNamespace(
            name="digits", describe=lambda: "digits: 10 train / 5 validation / 5 test"
        )
        self.directory = Path("nas_nb_runs") / "digits"
        self.asked: list[str] = []
        self.steered: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.refusal: str | None = None
        self.elapsed_s = 20.0
        self.steer: Any = FakeSteering(self)

    @property
    def strategy(self) -> Any:
        return self.settings.strategy

    @property
    def budget(self) -> Budget:
        return self.settings.budget

    @property
    def seed(self) -> int:
        return self.settings.seed

    @property
    def objective(self) -> str:
        return self.history.objective

    @property
    def direction(self) -> str:
        return self.history.direction

    @property
    def progress(self) -> Any:
        return self.budget.progress(self.history, self.elapsed_s)

    def configure(self, **changes: Any) -> None:
        folder = changes.pop("directory", self.directory)
        if "taken" in str(folder):
            raise SearchError("Another search is being written there.")
        now = self.settings
        grants = {name: changes.pop(name) for name in ("epochs", "batch_size") if name in changes}
        strategy, seed = changes.pop("strategy", now.strategy), changes.pop("seed", now.seed)
        objective, minimised = split_objectives(changes.pop("objective", now.objective))
        self.settings = SimpleNamespace(
            strategy=make_strategy(strategy),
            budget=now.budget.replaced(**changes),
            fidelity=replace(now.fidelity, **grants),
            objective=SimpleNamespace(name=objective) if isinstance(objective, str) else objective,
            minimised=minimised,
            prior=None,
            data=now.data,
            seed=seed,
        )
        self.directory = folder

    def start(self) -> None:
        self._ask("start", SearchState.RUNNING)

    def pause(self) -> None:
        self._ask("pause", SearchState.PAUSED)

    def resume(self) -> None:
        self._ask("resume", SearchState.RUNNING)

    def stop(self) -> None:
        self._ask("stop", SearchState.STOPPED)

    def _ask(self, action: str, then: SearchState) -> None:
        if self.refusal is not None:
            raise SearchError(self.refusal)
        self.asked.append(action)
        self.state = then


def plot_context(history: History, **more: Any) -> PlotContext:
    return PlotContext(history, DOMAIN, **more)


PAGE = {"width": 9.6, "sharpness": 1.0, "dark": False}


def panel_context(search: Any, on_input: Any = lambda: None) -> PanelContext:
    return PanelContext(
        search, TrialSelection(on_input), Drawings(search, PAGE), {}, PAGE, on_input
    )
