"""`History`: the fold of the events, with incumbent and Pareto front."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from itertools import islice
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from nas_nb.errors import JournalError, check_type, printable
from nas_nb.record.events import (
    Event,
    EventKind,
    SteerAction,
    check_fields,
    check_opening,
    check_parent,
    check_steering,
    check_trial,
)
from nas_nb.record.history_state import HistoryState
from nas_nb.record.pareto import SCORE, ParetoFront
from nas_nb.record.trial import Trial, TrialStatus, plain_values, values_digest

if TYPE_CHECKING:
    from nas_nb.record.history_state import QueuedCandidate

__all__ = ["History", "Trial", "TrialStatus", "fold"]


class History:
    """What happened in a search so far.

    One thread applies events; any thread may read. What a property returns is a snapshot that
    does not change. Applying an event and reading a property cost O(1), but for the copy of a
    tuple on the first read after an event.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._state = HistoryState()
        self._version = 0
        self._trials: list[Trial] = []
        self._snapshots: dict[str, tuple[Any, ...]] = {}
        self._grown: dict[str, tuple[Trial, ...]] = {}

    def apply(self, event: Event) -> None:
        """Takes one more event into account; an unknown kind counts and changes nothing."""
        with self._lock:
            self._check(event)
            self.add(event)

    def add(self, event: Event) -> None:
        """Takes one more event into account, which `check` let pass or which this process made."""
        with self._lock:
            handle = self._state.handlers.get(event["event"])
            if handle is not None:
                handle(event)
            self._version += 1
            self._snapshots.clear()

    def check(self, event: Event) -> None:
        """Raises JournalError if the event can't be written now; changes nothing."""
        self._check(event)
        check_parent(event, self._state.drafts)

    def _check(self, event: Event) -> None:
        kind, state = event["event"], self._state
        if kind not in state.handlers:
            return
        check_fields(event)
        if kind == EventKind.SEARCH_OPENED:
            check_opening(event, state.direction, state.objective, scored=bool(state.completed))
        elif kind == EventKind.STEERED:
            check_steering(event, state.drafts)
        elif kind not in (EventKind.PREPARED, EventKind.SEARCH_CLOSED):
            check_trial(event, state.drafts)
        if kind == EventKind.TRIAL_PROPOSED:
            plain_values(event["values"])

    def snapshot(self) -> Self:
        """Returns the history as it is now, which no later event changes; O(trials)."""
        with self._lock:
            self._refreshed()
            twin = copy(self)
            vars(twin).update(
                _lock=threading.RLock(),
                _state=self._state.copy(),
                _trials=[*self._trials],
                _snapshots={**self._snapshots},
                _grown={**self._grown},
            )
            return twin

    def __len__(self) -> int:
        return len(self._state.drafts)

    @property
    def version(self) -> int:
        """How many events were applied: it tells a reader whether there is anything new."""
        return self._version

    def _trial(self, number: int) -> Trial:
        return self._refreshed()[number]

    def _refreshed(self) -> list[Trial]:
        """Takes new snapshots of the trials that changed since the last call."""
        state = self._state
        for number in sorted(state.changed):
            trial = state.finished.get(number) or state.drafts[number].freeze()
            self._trials[number : number + 1] = [trial]
        state.changed.clear()
        return self._trials

    def _snapshot(self, name: str, take: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
        with self._lock:
            if name not in self._snapshots:
                self._snapshots[name] = take()
            return cast("tuple[T, ...]", self._snapshots[name])

    def _longer(self, name: str, trials: dict[int, Trial]) -> tuple[Trial, ...]:
        """Returns the trials in order: of ten thousand only those since the last time are read."""
        last = self._grown.get(name, ())
        latest = list(islice(reversed(trials.values()), max(0, len(trials) - len(last)) + 1))
        # Where a trial was taken out, what now stands at the place of the last is another one.
        if last and len(trials) >= len(last) and latest[-1] is last[-1]:
            self._grown[name] = (*last, *reversed(latest[:-1]))
        else:
            self._grown[name] = tuple(trials.values())
        return self._grown[name]

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    def __getitem__(self, number: int) -> Trial:
        with self._lock:
            if not 0 <= number < len(self):
                raise JournalError(
                    f"Expected the number of one of {len(self)} trials, counted from 0. "
                    f"Received: {number}."
                )
            return self._trial(number)

    def fidelity_of(self, number: int) -> Mapping[str, float]:
        """Returns what a trial is granted; after every epoch, so without the rest of it."""
        with self._lock:
            return self._state.drafts[number].fidelity

    def __repr__(self) -> str:
        return printable(
            f"<History: {len(self)} trials, {len(self._state.completed)} completed, "
            f"{self.objective} ({self.direction})>"
        )

    @property
    def objective(self) -> str:
        """The name of what is compared, e.g. "val_accuracy"."""
        return self._state.objective

    @property
    def direction(self) -> str:
        """Which scores are better: "max" or "min"."""
        return self._state.direction

    @property
    def sign(self) -> float:
        """1.0 where a greater score is better, and -1.0 where a smaller one is."""
        return self._state.sign

    @property
    def minimised(self) -> tuple[str, ...]:
        """The costs that a search of several objectives minimises beside the score."""
        told = (self.opened[-1].get("minimised") if self.opened else None) or ()
        return tuple(name for name in told if isinstance(name, str))

    @property
    def front_objectives(self) -> tuple[str, ...]:
        """The names "score" and of the costs that are minimised; "params" where none is."""
        return (SCORE, *(self.minimised or ("params",)))

    @property
    def seed(self) -> int:
        """The seed of the search, as last opened."""
        return self._state.seed

    @property
    def opened(self) -> tuple[Event, ...]:
        """The `search_opened` events, one a session."""
        return self._snapshot("opened", lambda: tuple(self._state.opened))

    @property
    def prepared(self) -> tuple[Event, ...]:
        """The `prepared` events: what strategies found out before they proposed."""
        return self._snapshot("prepared", lambda: tuple(self._state.prepared))

    @property
    def prior(self) -> tuple[Trial, ...]:
        """The trials of another search that are knowledge for strategies, and no trials here."""
        return self._state.prior

    @property
    def steering(self) -> tuple[Event, ...]:
        """The `steered` events."""
        return self._snapshot("steering", lambda: tuple(self._state.steering))

    @property
    def steered_at(self) -> tuple[int, ...]:
        """For each of `steering`, how many trials were proposed before it: where to mark it."""
        return self._snapshot("steered_at", lambda: tuple(self._state.steered_at))

    @property
    def session_steering(self) -> tuple[Event, ...]:
        """The `steered` events since a session opened last."""
        return self._snapshot(
            "session_steering",
            lambda: tuple(self._state.steering[self._state.steering_before :]),
        )

    @property
    def queued(self) -> tuple[QueuedCandidate, ...]:
        """The candidates that the user asked for and that are not proposed yet, in order."""
        return self._snapshot("queued", lambda: tuple(self._state.steering_queue.queue))

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials, by number."""
        return self._snapshot("trials", lambda: tuple(self._refreshed()))

    @property
    def completed(self) -> tuple[Trial, ...]:
        """The trials that completed, in the order in which they did."""
        done = self._state.completed
        return self._snapshot("completed", lambda: self._longer("completed", done))

    @property
    def finished(self) -> tuple[Trial, ...]:
        """The trials that completed or failed, in the order in which they did."""
        over = self._state.finished
        return self._snapshot("finished", lambda: self._longer("finished", over))

    @property
    def unfinished(self) -> tuple[Trial, ...]:
        """The trials that are proposed, running or stopped, by number."""
        return self._snapshot(
            "unfinished", lambda: tuple(map(self._trial, sorted(self._state.unfinished)))
        )

    @property
    def running(self) -> Trial | None:
        """The trial that is being trained (the latest started, if several are)."""
        with self._lock:
            running = self._state.running
            return self._trial(next(reversed(running))) if running else None

    @property
    def pending(self) -> tuple[Trial, ...]:
        """The trials that are being trained, by number: several where there are workers."""
        return self._snapshot(
            "pending", lambda: tuple(map(self._trial, sorted(self._state.running)))
        )

    @property
    def incumbent(self) -> Trial | None:
        """The best completed trial; of equal scores the smallest model, of these the first."""
        with self._lock:
            path = self._state.incumbents
            return self._trial(path[-1][0]) if path else None

    def rank(self, trial: Trial) -> tuple[float, float, int]:
        """Returns a key that sorts trials the best first.

        Equal scores are a tie, which the number of parameters decides: the smaller model first,
        and of equal ones the earlier trial. A model whose size is not known comes after the others.
        """
        return self._state.rank(trial)

    @property
    def incumbent_path(self) -> tuple[tuple[int, float], ...]:
        """The number and score of each trial that was once the incumbent, oldest first."""
        return self._snapshot("incumbents", lambda: tuple(self._state.incumbents))

    @property
    def failures_in_a_row(self) -> tuple[int, str | None]:
        """How many of the latest trials failed with one and the same reason, and that reason.

        (0, None) again after a trial completes, a resume, and the opening of a session.
        """
        return self._state.failures

    @property
    def epochs_spent(self) -> int:
        """Epochs trained in all attempts at all trials."""
        return self._state.epochs_spent

    @property
    def epochs_counted(self) -> int:
        """The same for the budget: epochs that are trained again after a cut count once."""
        return self._state.epochs_counted

    @property
    def busy_s(self) -> float:
        """Seconds spent on trials: ended attempts, and the ended epochs of the others.

        What several trials take at once counts once: each has its share.
        """
        return self._state.busy_s

    def has_tried(self, values: Mapping[str, Any]) -> bool:
        """Tells whether a trial, whatever became of it, has exactly these values."""
        return values_digest(values) in self._state.tried

    def trials_of(self, values: Mapping[str, Any]) -> tuple[Trial, ...]:
        """The trials with exactly these values, by number: one for each fidelity tried."""
        with self._lock:
            return tuple(map(self._trial, self._state.tried.get(values_digest(values), ())))

    def root_of(self, number: int) -> int:
        """Returns the first trial of those that this one continues; itself if it continues none.

        A trial continues its parent where both have the same values.
        """
        with self._lock:
            drafts = self._state.drafts
            draft = drafts[number]
            while draft.parent is not None and drafts[draft.parent].values == draft.values:
                draft = drafts[draft.parent]
            return draft.number

    @property
    def budget(self) -> dict[str, Any]:
        """The limits that hold now, as the journal has them, steering included."""
        limits = dict(self.opened[-1].get("budget") or {}) if self.opened else {}
        for event in self.session_steering:
            if event["action"] == SteerAction.BUDGET:
                limits |= event.get("detail") or {}
        return {name: limit for name, limit in limits.items() if limit is not None}

    @property
    def granted(self) -> dict[str, Any]:
        """What the search grants a trial: epochs, batch_size, and what differs from the usual."""
        fidelity = self.opened[-1].get("fidelity") if self.opened else None
        return dict(fidelity) if isinstance(fidelity, dict) else {}

    @property
    def full_epochs(self) -> int | None:
        """The epochs that the search grants a trial in full, or None if the journal is silent."""
        return self._state.full_epochs

    @property
    def validation_rows(self) -> int | None:
        """The rows that scores are measured on, or None if the journal is silent."""
        opened = self._state.opened  # no copy: thousands of trials ask for it at every frame
        return opened[-1].get("validation_rows") if opened else None

    @property
    def steps_per_epoch(self) -> int | None:
        """The gradient steps of an epoch, or None if the journal is silent."""
        return self._state.steps_per_epoch

    def is_better(self, a: Trial | float | None, b: Trial | float | None) -> bool:
        """Tells whether trial (or score) `a` beats `b`.

        None, NaN and infinity beat nothing, and every finite score beats them. Equals don't beat.
        """
        return self._state.beats(_score(a), _score(b))

    def pareto_front(
        self, *objectives: str, reference: Mapping[str, float] | None = None
    ) -> ParetoFront:
        """Returns the front of the completed trials that no other dominates.

        Args:
            *objectives: "score" (better in the search's direction), or the objective's name, and
                names of costs (less is better). One cost is set against the score. A trial that
                lacks one of them, or has NaN there, takes no part. Default: `front_objectives`.
            reference: The point up to which the hypervolume is measured, by objective.

        Raises:
            JournalError: No completed trial has a cost of that name, or the reference point does
                not fit.
        """
        for name in objectives:
            check_type("objectives", name, str, "names", error=JournalError)
        check_type("reference", reference, (Mapping, type(None)), "a dict", error=JournalError)
        named = (SCORE if name == self.objective else name for name in objectives)
        names = tuple(named) or self.front_objectives
        if len(names) == 1:
            names = tuple(dict.fromkeys((SCORE, *names)))
        return ParetoFront(self.completed, names, self.direction, reference or {}).checked()

    @property
    def front(self) -> ParetoFront:
        """The Pareto front of `front_objectives`."""
        return ParetoFront(self.completed, self.front_objectives, self.direction)


def fold(events: Iterable[Event]) -> History:
    """Returns the history of the events."""
    history = History()
    for event in events:
        history.apply(event)
    return history


def _score(of: Trial | float | None) -> float | None:
    return of.score if isinstance(of, Trial) else of


T = TypeVar("T")
