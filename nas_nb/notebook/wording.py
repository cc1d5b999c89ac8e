"""What is said about a search, in panel, record and terminal alike: of one moment, in sentences."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_nb.record.events import SteerAction
from nas_nb.record.trial import TrialStatus
from nas_nb.record.trial_facts import best_text, front_text, score_text, trials_text
from nas_nb.search.budget import describe_duration
from nas_nb.space.restriction import Rules
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.search.budget import Progress
    from nas_nb.search.search import Search

_TRIES = 3


class Snapshot:
    """What a search is, has found and may spend at one moment; it does not change."""

    def __init__(self, search: Search) -> None:
        self.settings, self.name, self.directory = search.settings, search.name, search.directory
        self.space, self.data, self.seed = search.space, search.data, search.seed
        self.strategy, self.budget = search.strategy, search.budget
        self.objective, self.direction = search.objective, search.direction
        for _ in range(_TRIES):  # until no event came in between
            self.history = search.history.snapshot()
            self.state, self.reason = search.state, search.reason
            self.strategy_reason, self.elapsed_s = search.strategy_reason, search.elapsed_s
            if search.history.version == self.history.version:
                break
        self.workers, self.about_workers = search.workers, search.about_workers
        self.taken = time.time()

    @property
    def progress(self) -> Progress:
        """How far the search is, and how long the rest may take."""
        return self.budget.progress(self.history, self.elapsed_s)


_NUMBERED = re.compile(r"(.+)_(\d+)")


def status_line(now: Snapshot, *, interrupted: bool = False) -> str:
    """Returns what the search does and has found; it changes with trials, not with seconds."""
    state = "Interrupted." if interrupted else _state(now)
    best = f"Best {told}." if (told := best_text(now.history)) else ""
    parts = [state, _counts(now), best, front_text(now.history)]
    return " ".join(part for part in parts if part)


def time_line(now: Snapshot) -> str:
    """Returns the time that passed, and the time that is left where that can be told."""
    if now.state is SearchState.NEW:
        return ""
    progress, passed = now.progress, passed_text(now)
    if not now.state.live:
        return f"{passed} in all"
    if progress.eta_s is None:
        return f"{passed} so far"
    return f"{passed} so far, about {describe_duration(progress.eta_s)} left"


def passed_text(now: Snapshot) -> str:
    """Returns the time of search so far: '2 min 5 s'."""
    return describe_duration(now.elapsed_s)


def epoch_text(now: Snapshot) -> str:
    """Returns where the running trial, or what precedes the first one, is: 'epoch 3 of 10'."""
    running = now.history.running
    if running is None:
        return _preparation(now)
    granted = running.epochs_granted
    epoch = running.epochs + 1 if granted is None else min(running.epochs + 1, granted)
    return f"epoch {epoch}{'' if granted is None else f' of {granted}'}"


def workers_text(now: Snapshot) -> str:
    """Returns what each worker process does: 'worker 0: trial 12, 0.41 GB'; '' without any."""
    told = []
    for worker in now.workers:
        does = "starts" if not worker.ready else "waits"
        does = does if worker.trial is None else f"trial {worker.trial}"
        memory = "" if worker.memory_bytes is None else f", {worker.memory_bytes / 1e9:.2f} GB"
        where = f" at {worker.place}" if worker.place else ""
        told.append(f"worker {worker.number}{where}: {does}{memory}")
    none = "none has joined yet" if now.about_workers and now.state.live else ""
    return f"{now.about_workers}. {'; '.join(told) or none}." if told or none else ""


def _preparation(now: Snapshot) -> str:
    """Returns which epoch a strategy trains before it proposes; '' when it doesn't."""
    events = now.history.prepared
    detail = events[-1].get("detail") if events and now.state.live else None
    epoch, epochs = (detail or {}).get("epoch", 0), (detail or {}).get("epochs", 0)
    if not epoch < epochs:
        return ""
    return f"{events[-1]['strategy']} prepares: epoch {epoch + 1} of {epochs}"


def progress_text(now: Snapshot) -> str:
    """Returns the trials that ended, with the most that may: '3 of 12 trials'."""
    progress = now.progress
    total = "" if progress.total is None else f" of {progress.total:,}"
    noun = "trial" if (progress.total or progress.done) == 1 else "trials"
    return f"{progress.done:,}{total} {noun}"


def choice_text(now: Snapshot) -> str:
    """Returns what the strategy says of itself, 'auto: grid, because ...'; '' if nothing."""
    return f"{now.strategy.name}: {now.strategy_reason}" if now.strategy_reason else ""


def budget_text(now: Snapshot) -> str:
    """Returns what may be spent, and on each trial."""
    return f"{now.budget.described()}; {now.settings.fidelity.epochs} epochs per trial"


def folder_text(folder: Path) -> str:
    """Returns the path of a search's folder, as short as it may be written here."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def value_text(value: Value) -> str:
    """Returns the value of a choice without the noise of binary fractions."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def by_number(values: Values) -> tuple[dict[str, dict[str, Value]], dict[str, Value]]:
    """Sorts the choices into those of a numbered layer and the others."""
    layers: dict[str, dict[str, Value]] = {}
    for name, value in values.items():
        if match := _NUMBERED.fullmatch(name):
            layers.setdefault(match[2], {})[match[1]] = value
    if max(map(len, layers.values()), default=0) < 2:
        return {}, dict(values)
    return layers, {name: v for name, v in values.items() if not _NUMBERED.fullmatch(name)}


def values_text(values: Values) -> str:
    """Returns the choices in one line; those of one layer (`units_2`, `layer_2`) stand together."""
    layers, others = by_number(values)
    pieces = [f"{name}={value_text(value)}" for name, value in others.items()]
    pieces += [
        f"{number}: {' '.join(_of_layer(name, value) for name, value in layer.items())}"
        for number, layer in layers.items()
    ]
    return ", ".join(pieces)


def _of_layer(name: str, value: Value) -> str:
    """Returns a choice of a layer: words and units speak for themselves, other numbers do not."""
    plain = isinstance(value, str) or name == "units"
    return value_text(value) if plain else f"{name}={value_text(value)}"


def _state(now: Snapshot) -> str:
    pending = now.history.pending
    trial = f" {trials_text(pending)}" if pending else ""
    reason = (now.reason or "").removesuffix(".")
    if now.state is SearchState.NEW:
        return "Ready to start."
    if now.state is SearchState.RUNNING:
        return f"Running{trial}." if trial else "Running: the next trial is being prepared."
    if now.state is SearchState.PAUSED:
        why = f" {reason}. Resume goes on." if reason else ""
        return f"Paused{f' in{trial}' if trial else ''}.{why}"
    state = now.state.value.capitalize()
    if reason.lower().startswith(state.lower()):
        return f"{reason[0].upper()}{reason[1:]}."
    return f"{state}: {reason}." if reason else f"{state}."


def _counts(now: Snapshot) -> str:
    history = now.history
    if not history.trials:
        return ""
    failed = len(history.finished) - len(history.completed)
    return f"{progress_text(now)} ended{f', {failed:,} of them failed' if failed else ''}."


LINES = 200


def log_lines(history: History, most: int = LINES) -> list[str]:
    """Returns the latest lines, newest first."""
    happened = [(trial.ended or 0.0, _trial(trial, history)) for trial in history.finished[-most:]]
    happened += [(event["time"], steering_text(event)) for event in history.steering[-most:]]
    happened += [(event["time"], _opening(event)) for event in history.opened[-most:]]
    happened += [(event["time"], _choice(event)) for event in history.prepared if _chose(event)]
    happened.sort(key=lambda pair: pair[0])
    return [f"{_clock(at)}  {text}" for at, text in reversed(happened[-most:])]


def log_html(history: History) -> str:
    """Returns the log as a list that can be scrolled by keyboard, with a name."""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in log_lines(history))
    if not items:
        return ""
    return (
        '<p class="nas-caption">Log, latest first</p>'
        f'<ol class="nas-log" tabindex="0" aria-label="Log, latest first">{items}</ol>'
    )


def _trial(trial: Trial, history: History) -> str:
    if trial.status is TrialStatus.FAILED:
        return f"trial {trial.number} failed: {trial.reason}"
    score = f"{history.objective} {score_text(history, trial)}"
    return f"trial {trial.number} completed: {score} ({values_text(trial.values)})"


def _opening(event: dict[str, object]) -> str:
    session = event.get("session")
    again = f", session {session}" if isinstance(session, int) and session > 1 else ""
    return f"search opened{again}, strategy {event.get('strategy', '')}"


def _chose(event: Mapping[str, Any]) -> bool:
    return event["what"] == "choice" and "reason" in (event.get("detail") or {})


def _choice(event: Mapping[str, Any]) -> str:
    return f"{event['strategy']}: {event['detail']['reason']}"


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def steering_text(event: Mapping[str, Any]) -> str:
    """Returns a steering event in words: 'restricted: units at least 64'."""
    action, detail = str(event["action"]), event.get("detail") or {}
    tell = _TELL.get(action)
    return tell(detail) if tell is not None else _plain(action, detail)


def _plain(action: str, detail: Mapping[str, Any]) -> str:
    said = ", ".join(f"{name} {value}" for name, value in detail.items() if value is not None)
    name = action.replace("_", " ")
    return f"{name}: {said}" if said else name


def _strategy(detail: Mapping[str, Any]) -> str:
    options = (detail.get("options") or {}).items()
    told = ", ".join(f"{name}={value}" for name, value in options if value is not None)
    return f"strategy changed to {detail.get('strategy')}{f' ({told})' if told else ''}"


def _budget(detail: Mapping[str, Any]) -> str:
    limits = ((name, "lifted" if v is None else value_text(v)) for name, v in detail.items())
    return f"budget changed: {', '.join(f'{name} {limit}' for name, limit in limits)}"


def _released(detail: Mapping[str, Any]) -> str:
    names = ", ".join(detail.get("names") or ())
    return f"restrictions lifted{f' of {names}' if names else ''}"


def _paused(detail: Mapping[str, Any]) -> str:
    reason = detail.get("reason")
    return f"paused: {reason}" if reason else "paused"


_TELL: dict[str, Callable[[Mapping[str, Any]], str]] = {
    SteerAction.PAUSE: _paused,
    SteerAction.RESUME: lambda detail: "resumed",
    SteerAction.RESTRICT: lambda detail: f"restricted: {Rules.from_json(detail)}",
    SteerAction.UNRESTRICT: _released,
    SteerAction.QUEUE: lambda detail: f"queued: {values_text(detail['values'])}",
    SteerAction.UNQUEUE: lambda detail: "queue emptied",
    SteerAction.STOP_TRIAL: lambda detail: f"trial {detail['trial']} stopped",
    SteerAction.MORE_EPOCHS: lambda detail: (
        f"{detail['epochs']} more epochs for trial {detail['trial']}"
    ),
    SteerAction.STRATEGY: _strategy,
    SteerAction.BUDGET: _budget,
}
