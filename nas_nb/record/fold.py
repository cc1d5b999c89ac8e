"""The fold itself: events go in one after the other, snapshots come out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

from nas_nb.record.events import Event, EventKind, check_fields
from nas_nb.record.ledger import Ledger
from nas_nb.record.rules import check_opening, check_parent, check_trial
from nas_nb.record.steering import check_steering
from nas_nb.record.values import plain_values

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial

T = TypeVar("T")


class Fold:
    """Applies events to a ledger, and takes snapshots of it that do not change.

    One thread applies events; any thread may read.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._ledger = Ledger()
        self._version = 0
        self._trials: list[Trial] = []
        self._snapshots: dict[str, tuple[Any, ...]] = {}
        self._grown: dict[str, tuple[Trial, ...]] = {}

    def apply(self, event: Event) -> None:
        """Takes one more event into account; a kind that is not known counts, and changes nothing.

        Raises:
            JournalError: The event lacks a field or can't happen now; nothing was changed.
        """
        with self._lock:
            self._check(event)
            step = self._ledger.steps.get(event["event"])
            if step is not None:
                step(event)
            self._version += 1
            self._snapshots.clear()

    def check(self, event: Event) -> None:
        """Raises JournalError if the event can't be written now; changes nothing."""
        self._check(event)
        check_parent(event, self._ledger.drafts)

    def _check(self, event: Event) -> None:
        kind, books = event["event"], self._ledger
        if kind not in books.steps:
            return
        check_fields(event)
        if kind == EventKind.SEARCH_OPENED:
            check_opening(event, books.direction, books.objective, scored=bool(books.completed))
        elif kind == EventKind.STEERED:
            check_steering(event, books.drafts)
        elif kind not in (EventKind.PREPARED, EventKind.SEARCH_CLOSED):
            check_trial(event, books.drafts)
        if kind == EventKind.TRIAL_PROPOSED:
            plain_values(event["values"])

    def __len__(self) -> int:
        return len(self._ledger.drafts)

    @property
    def version(self) -> int:
        """How many events were applied: it tells a reader whether there is anything new."""
        return self._version

    def _trial(self, number: int) -> Trial:
        return self._refreshed()[number]

    def _refreshed(self) -> list[Trial]:
        """Takes new snapshots of the trials that changed since the last call."""
        books = self._ledger
        for number in sorted(books.changed):
            trial = books.finished.get(number) or books.drafts[number].freeze()
            self._trials[number : number + 1] = [trial]
        books.changed.clear()
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
