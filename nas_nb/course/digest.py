"""`nas.digest(folder)`: whether the numbers of a report were really measured."""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SearchError, check_type
from nas_nb.record.journal import JOURNAL_FILE, read_events, read_history
from nas_nb.record.trial import TrialStatus, best_score

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

_LATE_S = 2.0
"""Clocks are set now and then, and a line is written a moment after what it tells."""


@dataclass(frozen=True)
class Digest:
    """What a search's journal says of itself, in a line (`str`) and as JSON (`to_json`).

    A journal is a text file, and can be made up. It only tells whether its own parts fit together:
    use it to ask, not to convict.

    Attributes:
        facts: Counts, times, the best trial, and fingerprints of journal, data and code.
        scores: The score of each completed trial, by its number.
        doubts: What does not fit, a sentence each; none where everything does.
    """

    facts: dict[str, Any]
    scores: dict[int, float]
    doubts: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether scores, learning curves and times fit together."""
        return not self.doubts

    def measured(self, number: float, digits: int | None = None) -> list[int]:
        """Returns the trials whose score is this number once it is rounded.

        Args:
            number: The score that is claimed.
            digits: After the point. Default: as many as the number has, three or more.

        Example:
            >>> nas.digest("nas_nb_runs/ps1").measured(0.972)
            [14]
        """
        if digits is None:
            exponent = Decimal(str(number)).as_tuple().exponent
            digits = max(3, -exponent) if isinstance(exponent, int) else 3
        return [n for n, score in self.scores.items() if round(score, digits) == number]

    def to_json(self) -> str:
        """Returns all of it, but for the scores, as one JSON object."""
        told = {**self.facts, "fits": self.fits, "doubts": list(self.doubts)}
        return json.dumps(told, sort_keys=True)

    def __str__(self) -> str:
        facts = self.facts
        best = facts["best"]
        score = "no score" if best is None else f"{best['score']:.4f} (trial {best['trial']})"
        said = "all of it fits" if self.fits else "; ".join(self.doubts)
        return (
            f"{facts['completed']} of {facts['trials']} trials completed, {facts['epochs']} epochs "
            f"in {facts['seconds']:.0f} s of training, {facts['began']} to {facts['ended']}, best "
            f"{facts['objective']} {score}: {said}. Journal {facts['journal'][:12]}."
        )

    __repr__ = __str__


def digest(folder: str | Path) -> Digest:
    """Reads a search's folder, and says whether its numbers fit together.

    A measured score is the best of its own learning curve, each epoch took time, the epochs of a
    trial fit between its start and its end, and no two trainings have the same losses.

    Args:
        folder: The project folder of a search, or its journal.

    Raises:
        SearchError: There is no search in it.
        JournalError: The journal is damaged.

    Example:
        >>> print(nas.digest("nas_nb_runs/ps1"))
        20 of 20 trials completed, 200 epochs in 61 s of training, ...: all of it fits. ...
    """
    check_type("folder", folder, (str, Path), "a search's folder", error=SearchError)
    path = Path(folder).expanduser()
    path = path / JOURNAL_FILE if path.is_dir() else path
    if not path.is_file():
        raise SearchError(
            f"Expected the folder of a search. Received: {folder}: no {JOURNAL_FILE}."
        )
    history, events = read_history(path), list(read_events(path))
    if not history.opened:
        raise SearchError(f"Expected a search. Received: {folder}: nothing was started in it.")
    doubts = (*_of_clock(events), *_of_scores(history), *_of_times(events), *_of_twins(history))
    scores = {t.number: t.score for t in history.completed if t.score is not None}
    return Digest(_facts(path, history, events), scores, doubts)


def _facts(path: Path, history: History, events: list[dict[str, Any]]) -> dict[str, Any]:
    best, opening = history.incumbent, history.opened[-1]
    return {
        "journal": hashlib.sha256(path.read_bytes()).hexdigest(),
        "objective": history.objective,
        "direction": history.direction,
        "seed": history.seed,
        "strategy": opening.get("strategy"),
        "data": opening.get("data"),
        "identity": opening.get("identity"),
        "versions": opening.get("versions"),
        "sessions": len(history.opened),
        "trials": len(history),
        "completed": len(history.completed),
        "epochs": history.epochs_spent,
        "seconds": round(history.busy_s, 1),
        "began": _moment(events[0]),
        "ended": _moment(events[-1]),
        "best": None if best is None else {"trial": best.number, "score": best.score},
    }


def _moment(event: dict[str, Any]) -> str:
    return datetime.fromtimestamp(event["time"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _of_clock(events: list[dict[str, Any]]) -> Iterator[str]:
    latest = -math.inf
    for line, event in enumerate(events, 1):
        if event["time"] < latest - _LATE_S:
            yield f"line {line} was written before the line above it"
            return
        latest = max(latest, event["time"])


def _of_scores(history: History) -> Iterator[str]:
    for trial in history.completed:
        curve = [logs[history.objective] for logs in trial.curve if history.objective in logs]
        if not curve:
            yield f"trial {trial.number} has a score and no learning curve"
        elif trial.score is None or not math.isclose(
            trial.score, best_score(curve, history.direction), rel_tol=1e-6
        ):
            yield f"the score of trial {trial.number} is not the best of its learning curve"


def _of_times(events: list[dict[str, Any]]) -> Iterator[str]:
    """Compares the epochs of each attempt with its start and end."""
    began: dict[int, float] = {}
    spent: dict[int, float] = defaultdict(float)
    for event in events:
        number, kind = event.get("trial", 0), event["event"]
        if kind == "trial_started":
            began[number], spent[number] = event["time"], 0.0
        elif kind == "epoch_ended":
            took_s = event.get("duration_s")
            if took_s is not None and took_s <= 0:
                yield f"epoch {event['epoch']} of trial {number} took no time"
            spent[number] += took_s or 0.0
        elif kind == "trial_ended" and event.get("status") == TrialStatus.COMPLETED:
            lasted_s = event["time"] - began.get(number, event["time"])
            if spent[number] > lasted_s + _LATE_S:
                yield f"the epochs of trial {number} took longer than the trial"


def _of_twins(history: History) -> Iterator[str]:
    """Finds trainings whose logs are the same, number by number."""
    seen: dict[tuple[Any, ...], Trial] = {}
    for trial in history.completed:
        logs = tuple(tuple(sorted(epoch.items())) for epoch in trial.curve)
        twin = seen.setdefault(logs, trial)
        if logs and twin is not trial and twin.parent is None and trial.parent is None:
            yield f"trials {twin.number} and {trial.number} have the same learning curve"
