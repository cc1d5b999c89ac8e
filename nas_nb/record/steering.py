"""What steering asks for: the actions, and the candidates that wait for their turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from nas_nb.errors import JournalError
from nas_nb.record.frozen import NOTHING, FrozenDict
from nas_nb.record.trial import TrialStatus
from nas_nb.record.values import Value, plain_values, values_key

if TYPE_CHECKING:
    from nas_nb.record.events import Event
    from nas_nb.record.trial import TrialDraft

USER = "user"
"""The origin of a trial that nobody but the user asked for."""


class SteerAction(StrEnum):
    """What a `steered` event does, and what its `detail` says.

    All from RESTRICT on count from the next proposal on, in this and in later sessions; the
    strategy and the budget until another session opens with its own.
    """

    PAUSE = "pause"
    """The search waits [reason]."""
    RESUME = "resume"
    """It goes on."""
    STOP_TRIAL = "stop_trial"
    """A running trial ends with what it has: trial."""
    MORE_EPOCHS = "more_epochs"
    """A trial gets more: trial, epochs (how many more, 1 or more). One that has completed is
    continued by a new trial, of which it is the parent."""
    RESTRICT = "restrict"
    """Only a part of the space is proposed from: {kind of rule: {name: values}}, for each kind of
    `nas_nb.space.restriction.RuleKind`."""
    RELEASE = "release"
    """Restrictions are lifted [names; all without]."""
    QUEUE = "queue"
    """A hand-made candidate becomes the next trial: values."""
    UNQUEUE = "unqueue"
    """All candidates that wait are dropped."""
    STRATEGY = "strategy"
    """Another one proposes: strategy (its name), options."""
    BUDGET = "budget"
    """Other limits: as in `search_opened`, null for no limit."""


@dataclass(frozen=True)
class Queued:
    """A candidate that the user asked for, and that is not proposed yet."""

    values: dict[str, Value] = field(hash=False)
    """The architecture's choices."""
    fidelity: dict[str, float] = field(default_factory=lambda: NOTHING, hash=False)
    """What it is granted where that differs from the search's grant."""
    parent: int | None = None
    """The trial that it continues."""


class Wishes:
    """Folds what was asked for, and what became of it, into what still waits.

    Attributes:
        queue: The candidates that wait, the next one first.
        grants: The epochs in all of each unfinished trial that got more.
    """

    def __init__(self) -> None:
        self.queue: deque[Queued] = deque()
        self.grants: dict[int, int] = {}

    def take(
        self, action: str, detail: dict[str, Any], drafts: Sequence[TrialDraft], full_epochs: int
    ) -> None:
        """Takes a `steered` event into account; `check_steering` has passed it.

        Args:
            action: What was asked for.
            detail: Of what.
            drafts: All trials.
            full_epochs: What the search grants a trial; 0 if nobody knows.
        """
        if action == SteerAction.QUEUE:
            self.queue.append(Queued(FrozenDict(plain_values(detail["values"]))))
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
        self.queue.append(Queued(draft.values, fidelity, draft.number))


def check_steering(event: Event, drafts: Sequence[TrialDraft]) -> None:
    """Raises JournalError unless the event says what its action needs."""
    action, detail = event["action"], event.get("detail") or {}
    if not isinstance(detail, dict):
        raise JournalError(f"Expected the detail of {action} to be a dict. Received: {detail!r}.")
    if action == SteerAction.QUEUE:
        values = detail.get("values")
        if not isinstance(values, dict):
            raise JournalError(f"Expected the values to queue. Received: {values!r}.")
        plain_values(values)
    elif action in (SteerAction.STOP_TRIAL, SteerAction.MORE_EPOCHS):
        number, epochs = detail.get("trial"), detail.get("epochs", 1)
        if not isinstance(number, int) or not 0 <= number < len(drafts):
            raise JournalError(
                f"Expected {action} for a trial that was proposed, 0 to {len(drafts) - 1}. "
                f"Received: {number!r}."
            )
        if not isinstance(epochs, int) or epochs < 1:
            raise JournalError(f"Expected 1 or more epochs more. Received: {epochs!r}.")
