"""The state that a history folds its events into: each event changes it in O(1)."""

from __future__ import annotations

import math
from collections.abc import Callable

from nas_nb.record.events import Event, EventKind
from nas_nb.record.frozen import NOTHING, FrozenDict, frozen
from nas_nb.record.rules import is_known
from nas_nb.record.steering import SteerAction, Wishes
from nas_nb.record.trial import Trial, TrialDraft, TrialStatus
from nas_nb.record.values import values_key

SESSION_ENDED = "the session ended before the trial did"


def comparable(score: float | None) -> float | None:
    """Returns the score if it can be compared: a finite number; else None."""
    return score if score is not None and math.isfinite(score) else None


class Ledger:
    """The books of a search: one entry a trial, and the sums that are read at every proposal.

    It takes every event as legal (see `rules`) and knows no threads (see `History`).
    """

    def __init__(self) -> None:
        self.objective = "score"
        self.direction = "max"
        self.seed = 0
        self.drafts: list[TrialDraft] = []
        self.changed: set[int] = set()
        self.numbers: dict[str, list[int]] = {}
        self.completed: dict[int, Trial] = {}
        self.finished: dict[int, Trial] = {}
        self.unfinished: dict[int, None] = {}
        self.running: dict[int, None] = {}
        self.path: list[tuple[int, float]] = []
        self.failures: tuple[int, str | None] = (0, None)
        self.opened: list[Event] = []
        self.prepared: list[Event] = []
        self.steering: list[Event] = []
        self.steered_at: list[int] = []
        self.steering_before = 0
        self.wishes = Wishes()
        self.epochs_spent = 0
        self.busy_s = 0.0
        self.steps: dict[str, Callable[[Event], None]] = {
            EventKind.SEARCH_OPENED: self._open,
            EventKind.PREPARED: self._prepare,
            EventKind.TRIAL_PROPOSED: self._propose,
            EventKind.TRIAL_STARTED: self._start,
            EventKind.TRIAL_BUILT: self._build,
            EventKind.EPOCH_ENDED: self._end_epoch,
            EventKind.TRIAL_ENDED: self._end,
            EventKind.STEERED: self._steer,
            EventKind.SEARCH_CLOSED: self._close,
        }

    def beats(self, a: float | None, b: float | None) -> bool:
        """Tells whether score `a` is better than `b`; one that can't be compared beats nothing."""
        first, second = comparable(a), comparable(b)
        if first is None or second is None:
            return first is not None
        return first > second if self.direction == "max" else first < second

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
        self._cut_off()
        self.objective, self.direction = event["objective"], event["direction"]
        self.seed = event["seed"]
        self.failures = (0, None)
        self.opened.append(frozen(event))
        self.steering_before = len(self.steering)

    def _prepare(self, event: Event) -> None:
        self.prepared.append(frozen(event))

    def _propose(self, event: Event) -> None:
        number, values = event["trial"], FrozenDict(event["values"])
        draft = TrialDraft(number, values, event["origin"])
        draft.fidelity = FrozenDict(event.get("fidelity") or NOTHING)
        # Journals of old may name a parent that never was: the trial then begins anew.
        draft.parent = event.get("parent") if is_known(event.get("parent"), number) else None
        self.drafts.append(draft)
        self.wishes.proposed(draft)
        self.numbers.setdefault(values_key(values), []).append(number)
        self.unfinished[number] = None
        self.changed.add(number)

    def _start(self, event: Event) -> None:
        draft = self._entry(event)
        draft.attempt = event.get("attempt") or draft.attempt + 1
        draft.seed = event.get("seed")
        draft.epochs_granted = event.get("epochs")
        draft.last_epoch = event.get("from_epoch") or 0
        if draft.parent is not None and len(draft.curve) < draft.last_epoch:
            draft.curve = list(self.drafts[draft.parent].curve)
        del draft.curve[draft.last_epoch :]
        draft.status = TrialStatus.RUNNING
        draft.score = draft.reason = draft.note = draft.checkpoint = draft.ended = None
        draft.costs, draft.duration_s = NOTHING, 0.0
        draft.started = event.get("time")
        self.finished.pop(draft.number, None)
        self.unfinished[draft.number] = None
        self.running.pop(draft.number, None)
        self.running[draft.number] = None

    def _build(self, event: Event) -> None:
        draft = self._entry(event)
        draft.costs = FrozenDict(event["costs"])
        draft.note = event.get("note")

    def _end_epoch(self, event: Event) -> None:
        draft = self._entry(event)
        duration_s = event.get("duration_s") or 0.0
        draft.curve.append(FrozenDict(event["logs"]))
        draft.last_epoch = event["epoch"]
        draft.duration_s += duration_s
        self.busy_s += duration_s
        self.epochs_spent += self._granted(draft, "repeats", 1)

    def _end(self, event: Event) -> None:
        draft = self._entry(event)
        draft.status = TrialStatus(event["status"])
        draft.score, draft.reason = event.get("score"), event.get("reason")
        draft.checkpoint, draft.ended = event.get("checkpoint"), event.get("time")
        duration_s = event.get("duration_s")
        if duration_s is not None:
            # The epochs of this attempt are in the sum already.
            self.busy_s += duration_s - draft.duration_s
            draft.duration_s = duration_s
        self.running.pop(draft.number, None)
        self.wishes.ended(draft)
        if draft.status != TrialStatus.STOPPED:
            self._finish(draft)

    def _finish(self, draft: TrialDraft) -> None:
        number, score = draft.number, draft.score
        del self.unfinished[number]
        trial = self.finished[number] = draft.freeze()
        if draft.status == TrialStatus.FAILED:
            count, reason = self.failures
            self.failures = (count + 1 if reason == draft.reason else 1, draft.reason)
            return
        self.failures = (0, None)
        self.completed[number] = trial
        if score is not None and self.beats(score, self.path[-1][1] if self.path else None):
            self.path.append((number, score))

    def _steer(self, event: Event) -> None:
        action, detail = event["action"], event.get("detail") or {}
        self.steering.append(frozen(event))
        self.steered_at.append(len(self.drafts))
        self.wishes.take(action, detail, self.drafts, self.full_epochs or 0)
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
