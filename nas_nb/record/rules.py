"""Which event may follow which history: the gate that keeps a journal readable."""

from __future__ import annotations

from collections.abc import Sequence

from nas_nb.errors import JournalError
from nas_nb.record.events import JOURNAL_VERSION, Event, EventKind
from nas_nb.record.trial import TrialDraft, TrialStatus

ENDS = (TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.STOPPED)
DIRECTIONS = ("max", "min")


def check_version(event: Event) -> None:
    """Raises JournalError if the session was written in a newer format than this one."""
    version = event.get("journal") or JOURNAL_VERSION
    if version > JOURNAL_VERSION:
        raise JournalError(
            f"Expected a journal of format {JOURNAL_VERSION} or older. Received: format {version}, "
            "written by a newer nas_nb. Nothing was changed; update nas_nb to open it."
        )


def check_opening(event: Event, direction: str, objective: str, scored: bool) -> None:
    """Raises JournalError if a session would compare scores that can't be compared."""
    check_version(event)
    if event["direction"] not in DIRECTIONS:
        raise JournalError(f"Expected direction 'max' or 'min'. Received: {event['direction']!r}.")
    if scored and (event["direction"], event["objective"]) != (direction, objective):
        raise JournalError(
            f"Expected the objective that this journal holds scores of, {objective} ({direction}). "
            f"Received: {event['objective']} ({event['direction']}). "
            "Use another directory for another objective."
        )


def check_trial(event: Event, drafts: Sequence[TrialDraft]) -> None:
    """Raises JournalError unless the event may happen to its trial now."""
    kind, number = event["event"], event["trial"]
    if kind == EventKind.TRIAL_PROPOSED:
        if number != len(drafts):
            raise JournalError(f"Expected trial {len(drafts)} to be proposed. Received: {number}.")
        return
    if not 0 <= number < len(drafts):
        raise JournalError(
            f"Expected a trial that was proposed, 0 to {len(drafts) - 1}. Received: {number}."
        )
    draft = drafts[number]
    allowed = _allowed(kind)
    if draft.status not in allowed:
        raise JournalError(
            f"Expected {kind} for a trial that is {' or '.join(allowed)}. "
            f"Received: trial {number}, which is {draft.status}."
        )
    if kind == EventKind.EPOCH_ENDED and event["epoch"] <= draft.last_epoch:
        raise JournalError(
            f"Expected an epoch after {draft.last_epoch} of trial {number}. "
            f"Received: epoch {event['epoch']}. A new attempt begins with trial_started."
        )
    if kind == EventKind.TRIAL_ENDED and event["status"] not in ENDS:
        raise JournalError(f"Expected status {' or '.join(ENDS)}. Received: {event['status']!r}.")


def check_parent(event: Event, drafts: Sequence[TrialDraft]) -> None:
    """Raises JournalError if a proposal names a parent that was not proposed before it.

    Only what is written is held to it: a journal that names one already has to stay readable.
    """
    parent = event.get("parent")
    if event["event"] == EventKind.TRIAL_PROPOSED and not is_known(parent, len(drafts)):
        known = f"0 to {len(drafts) - 1}, or" if drafts else "here"
        raise JournalError(
            f"Expected as parent of trial {len(drafts)} one that was proposed before it, {known} "
            f"None. Received: parent={parent!r}."
        )


def is_known(parent: int | None, trials: int) -> bool:
    """Tells whether a parent is none, or one of the trials."""
    return parent is None or 0 <= parent < trials


_OPEN = (TrialStatus.PROPOSED, TrialStatus.RUNNING, TrialStatus.STOPPED)
_RUNNING = (TrialStatus.RUNNING,)
_NOT_COMPLETED = (*_OPEN, TrialStatus.FAILED)


def _allowed(kind: str) -> tuple[TrialStatus, ...]:
    if kind == EventKind.TRIAL_STARTED:
        return _NOT_COMPLETED
    return _RUNNING if kind == EventKind.EPOCH_ENDED else _OPEN
