"""The state behind a history, changed in O(1) by each event; the queue that steering fills."""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, cast

from nas_nb.errors import is_number
from nas_nb.record.events import USER, Event, EventKind, SteerAction, is_known_parent
from nas_nb.record.trial import (
    EMPTY,
    FrozenDict,
    Trial,
    TrialDraft,
    TrialStatus,
    Value,
    freeze,
    interned,
    plain_values,
    sign_of,
    values_digest,
    values_key,
)

PRIOR = "prior"
"""What a `prepared` event with the trials of another search holds; their origin."""
SESSION_ENDED = "the session ended before the trial did"


def comparable_score(score: float | None) -> float | None:
    """Returns the score if it can be compared: a finite number; else None."""
    return score if score is not None and math.isfinite(score) else None


class HistoryState:
    """State of a search, changed by each event in O(1); its events were checked by `History`."""

    def __init__(self) -> None:
        self.objective = "score"
        self.direction = "max"
        self.sign = 1.0
        self.seed = 0
        self.drafts: list[TrialDraft] = []
        self.changed: set[int] = set()  # drafts that differ from the trials that were read last
        self.tried: dict[bytes, tuple[int, ...]] = {}  # numbers of trials, by digest of values
        self.completed: dict[int, Trial] = {}
        self.finished: dict[int, Trial] = {}
        self.unfinished: dict[int, None] = {}
        self.running: dict[int, None] = {}
        self.incumbents: list[tuple[int, float]] = []  # each number and score, oldest first
        self.failures: tuple[int, str | None] = (0, None)
        self.opened: list[Event] = []
        self.prepared: list[Event] = []
        self.prior: tuple[Trial, ...] = ()
        self.steering: list[Event] = []
        self.steered_at: list[int] = []
        self.steering_before = 0
        self.steering_queue = SteeringQueue()
        self.paused = False
        self.epochs_spent = self.epochs_counted = 0
        self.busy_s = 0.0
        self.handlers: dict[str, Callable[[Event], None]] = {
            EventKind.SEARCH_OPENED: self._open,
            EventKind.PREPARED: self._prepare,
            EventKind.TRIAL_PROPOSED: self._propose,
            EventKind.TRIAL_STARTED: self._start,
            EventKind.TRIAL_BUILT: self._build,
            EventKind.EPOCH_ENDED: self._end_epoch,
            EventKind.TRIAL_ENDED: self._end_attempt,
            EventKind.STEERED: self._steer,
            EventKind.SEARCH_CLOSED: self._close,
        }

    def copy(self) -> HistoryState:
        """Returns a state to read that later events don't change; the drafts are shared."""
        twin = copy(self)
        for name in ("completed", "finished", "unfinished", "running"):
            setattr(twin, name, {**getattr(self, name)})
        for name in ("drafts", "incumbents", "opened", "prepared", "steering", "steered_at"):
            setattr(twin, name, [*getattr(self, name)])
        twin.tried = {**self.tried}
        twin.changed, twin.handlers, twin.steering_queue = set(), {}, SteeringQueue()
        twin.steering_queue.queue = deque(self.steering_queue.queue)
        return twin

    def beats(self, a: float | None, b: float | None) -> bool:
        """Tells whether score `a` is better than `b`; one that can't be compared beats nothing."""
        first, second = comparable_score(a), comparable_score(b)
        if first is None or second is None:
            return first is not None
        return self.sign * first > self.sign * second

    def rank(self, trial: Trial) -> tuple[float, float, int]:
        """Sorts trials the best first: by score, then the smaller model, then the earlier one."""
        score = comparable_score(trial.score)
        loss = math.inf if score is None else -self.sign * score
        return loss, trial.costs.get("params", math.inf), trial.number

    @property
    def full_epochs(self) -> int | None:
        """The epochs that the search grants a trial in full, or None if the journal is silent."""
        fidelity = self.opened[-1].get("fidelity") if self.opened else None
        return fidelity.get("epochs") if isinstance(fidelity, dict) else None

    @property
    def steps_per_epoch(self) -> int | None:
        """The gradient steps of an epoch, or None if the journal is silent."""
        return self.opened[-1].get("steps_per_epoch") if self.opened else None

    def _granted(self, draft: TrialDraft, name: str, usual: int) -> int:
        """What a trial was granted of something: its proposal says it, or the search."""
        fidelity = (self.opened[-1].get("fidelity") if self.opened else None) or {}
        return int(draft.fidelity.get(name) or fidelity.get(name) or usual)

    def _open(self, event: Event) -> None:
        of_workers = self.opened and self.opened[-1].get("workers")
        for number in self.running if not (self.paused or of_workers) else ():
            # The session before has no end: its kernel died, and maybe of the trial it trained.
            self._count_death(self.drafts[number])
        self.paused = False
        self._cut_off()
        self.objective, self.direction = event["objective"], event["direction"]
        self.sign = sign_of(self.direction)
        self.seed = event["seed"]
        self.failures = (0, None)
        self.opened.append(freeze(event))
        self.steering_before = len(self.steering)

    def _count_death(self, draft: TrialDraft) -> None:
        draft.deaths = draft.deaths + 1 if draft.died_at == len(draft.curve) else 1
        draft.died_at = len(draft.curve)

    def _prepare(self, event: Event) -> None:
        if event["what"] == PRIOR:
            self.prior = _prior_trials(event.get("detail") or {})
        self.prepared.append(freeze(event))

    def _propose(self, event: Event) -> None:
        number, values = event["trial"], interned(event["values"])
        draft = TrialDraft(number, values, sys.intern(event["origin"]))
        draft.fidelity = FrozenDict(event.get("fidelity") or EMPTY)
        # Journals of old may name a parent that never was: the trial then begins anew.
        draft.parent = event.get("parent") if is_known_parent(event.get("parent"), number) else None
        draft.how = event.get("how") or ""
        told = event.get("ancestors") or ()
        draft.ancestors = tuple(n for n in told if isinstance(n, int) and 0 <= n < number)
        self.drafts.append(draft)
        self.steering_queue.proposed(draft)
        key = values_digest(values)
        self.tried[key] = (*self.tried.get(key, ()), number)
        self.unfinished[number] = None
        self.changed.add(number)

    def _start(self, event: Event) -> None:
        draft = self._entry(event)
        draft.attempt = event.get("attempt") or draft.attempt + 1
        draft.seed = event.get("seed")
        draft.worker = event.get("worker") or 0
        draft.epochs_granted = event.get("epochs")
        draft.last_epoch = event.get("from_epoch") or 0
        self._forget_epochs(draft, draft.last_epoch)
        if draft.parent is not None and len(draft.curve) < draft.last_epoch:
            draft.curve = self.drafts[draft.parent].curve
            draft.inherited = draft.last_epoch
        draft.curve = draft.curve.copy()  # a trial that is over has the one before
        draft.curve.cut(draft.last_epoch)
        draft.status = TrialStatus.RUNNING
        draft.score = draft.reason = draft.note = draft.checkpoint = draft.ended = None
        draft.standard_error = None
        draft.costs, draft.duration_s = EMPTY, 0.0
        draft.started = event.get("time")
        self.finished.pop(draft.number, None)
        self.unfinished[draft.number] = None
        self.running.pop(draft.number, None)
        self.running[draft.number] = None

    def _forget_epochs(self, draft: TrialDraft, kept: int) -> None:
        """Leaves out of the sum what a trial trained itself and is going to train again."""
        again = max(0, len(draft.curve) - max(kept, draft.inherited))
        self.epochs_counted -= again * self._granted(draft, "executions_per_trial", 1)
        draft.inherited = min(draft.inherited, kept)

    def _build(self, event: Event) -> None:
        draft = self._entry(event)
        draft.costs = interned(event["costs"])
        draft.note = event.get("note")

    def _end_epoch(self, event: Event) -> None:
        draft = self._entry(event)
        duration_s = event.get("duration_s") or 0.0
        draft.curve.append(event["logs"])
        draft.last_epoch = event["epoch"]
        draft.duration_s += duration_s
        self.busy_s += duration_s / self._together
        executions = self._granted(draft, "executions_per_trial", 1)
        self.epochs_spent += executions
        self.epochs_counted += executions

    def _end_attempt(self, event: Event) -> None:
        draft = self._entry(event)
        draft.status = TrialStatus(event["status"])
        draft.score, draft.reason = event.get("score"), event.get("reason")
        draft.standard_error = event.get("standard_error")
        draft.checkpoint, draft.ended = event.get("checkpoint"), event.get("time")
        duration_s = event.get("duration_s")
        if duration_s is not None:
            # The epochs of this attempt are in the sum already.
            self.busy_s += (duration_s - draft.duration_s) / self._together
            draft.duration_s = duration_s
        if event.get("exit_code") is not None:
            self._count_death(draft)
        self.running.pop(draft.number, None)
        self.steering_queue.ended(draft)
        if draft.status != TrialStatus.STOPPED:
            self._enter_finished(draft)

    @property
    def _together(self) -> int:
        """How many trials run at once: the time that passes is shared among them."""
        return max(1, len(self.running))

    def _enter_finished(self, draft: TrialDraft) -> None:
        """Freezes a finished trial, and makes it the incumbent if it ranks first."""
        number, score = draft.number, draft.score
        del self.unfinished[number]
        trial = self.finished[number] = draft.freeze()
        if draft.status == TrialStatus.FAILED:
            count, reason = self.failures
            self.failures = (count + 1 if reason == draft.reason else 1, draft.reason)
            return
        self.failures = (0, None)
        self.completed[number] = trial
        best = self.finished[self.incumbents[-1][0]] if self.incumbents else None
        known = comparable_score(score) is not None
        if known and (best is None or self.rank(trial) < self.rank(best)):
            self.incumbents.append((number, cast("float", score)))

    def _steer(self, event: Event) -> None:
        action, detail = event["action"], event.get("detail") or {}
        self.steering.append(freeze(event))
        self.steered_at.append(len(self.drafts))
        self.steering_queue.take(action, detail, self.drafts, self.full_epochs or 0)
        if action in (SteerAction.PAUSE, SteerAction.RESUME):
            self.paused = action == SteerAction.PAUSE
        if action == SteerAction.RESUME:
            self.failures = (0, None)
        if action == SteerAction.MORE_EPOCHS:
            self.changed.add(detail["trial"])

    def _close(self, event: Event) -> None:
        self._cut_off()

    def _cut_off(self) -> None:
        for number in self.running:
            draft = self.drafts[number]
            draft.status, draft.reason = TrialStatus.STOPPED, SESSION_ENDED
            self.changed.add(number)
        self.running.clear()

    def _entry(self, event: Event) -> TrialDraft:
        number: int = event["trial"]
        self.changed.add(number)
        return self.drafts[number]


def _prior_trials(detail: dict[str, Any]) -> tuple[Trial, ...]:
    """Returns the trials of another search that a journal keeps, with numbers below 0."""
    rows = detail.get("trials")
    told = [
        row
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict)
        and isinstance(row.get("values"), dict)
        and is_number(row.get("score"))
        and math.isfinite(row["score"])
    ]
    return tuple(
        Trial(
            number - len(told),
            interned(plain_values(row["values"])),
            PRIOR,
            TrialStatus.COMPLETED,
            score=row["score"],
            costs=interned({n: x for n, x in (row.get("costs") or {}).items() if is_number(x)}),
        )
        for number, row in enumerate(told)
    )


@dataclass(frozen=True)
class QueuedCandidate:
    """A candidate that the user asked for, and that is not proposed yet."""

    values: dict[str, Value] = field(hash=False)
    """The architecture's choices."""
    fidelity: dict[str, float] = field(default_factory=lambda: EMPTY, hash=False)
    """What it is granted where that differs from the search's grant."""
    parent: int | None = None
    """The trial that it continues."""


class SteeringQueue:
    """The candidates that wait, the next first, and the epochs that unfinished trials got more."""

    def __init__(self) -> None:
        self.queue: deque[QueuedCandidate] = deque()
        self.grants: dict[int, int] = {}

    def take(
        self, action: str, detail: dict[str, Any], drafts: Sequence[TrialDraft], full_epochs: int
    ) -> None:
        """Takes a `steered` event into account; `check_steering` has passed it."""
        if action == SteerAction.QUEUE:
            self.queue.append(QueuedCandidate(FrozenDict(plain_values(detail["values"]))))
        elif action == SteerAction.UNQUEUE:
            self.queue.clear()
        elif action == SteerAction.STOP_TRIAL:
            self.grants.pop(detail["trial"], None)
        elif action == SteerAction.MORE_EPOCHS:
            self._grant(drafts[detail["trial"]], detail["epochs"], full_epochs)

    def proposed(self, draft: TrialDraft) -> None:
        """Takes a proposal into account: of the first that waits, if it is its."""
        first = self.queue[0] if self.queue else None
        if first is None or draft.origin != USER or draft.parent != first.parent:
            return
        if values_key(draft.values) == values_key(first.values):
            self.queue.popleft()

    def ended(self, draft: TrialDraft) -> None:
        """Takes the end of a trial into account: what came too late for it is not lost."""
        granted = self.grants.get(draft.number)
        if granted is None or draft.status == TrialStatus.STOPPED:
            return
        del self.grants[draft.number]
        if draft.status == TrialStatus.COMPLETED and len(draft.curve) < granted:
            self._continue(draft, granted)

    def _grant(self, draft: TrialDraft, more: int, full_epochs: int) -> None:
        if draft.status == TrialStatus.COMPLETED:
            self._continue(draft, len(draft.curve) + more)
        elif draft.status != TrialStatus.FAILED:
            granted = draft.fidelity.get("epochs") or draft.epochs_granted or full_epochs
            self.grants[draft.number] = total = int(granted) + more
            draft.fidelity = FrozenDict({**draft.fidelity, "epochs": total})
            draft.epochs_granted = total

    def _continue(self, draft: TrialDraft, epochs: int) -> None:
        fidelity = FrozenDict({**draft.fidelity, "epochs": epochs})
        self.queue.append(QueuedCandidate(draft.values, fidelity, draft.number))
