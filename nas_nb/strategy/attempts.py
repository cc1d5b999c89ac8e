"""What an oracle writes into the journal: proposals, attempts, epochs and ends."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from nas_nb.evaluate.seeds import trial_seed
from nas_nb.record.events import EventKind
from nas_nb.record.trial import TrialStatus
from nas_nb.strategy.proposal import Proposal, Substitute

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.journal import Journal
    from nas_nb.record.trial import Trial
    from nas_nb.strategy.strategy import Strategy


class Attempts:
    """Keeps the journal of an oracle's trials.

    Args:
        journal: Where everything is written down.
        seed: The search's seed, 0 or more.
        epochs: Epochs that each trial is granted, or None if nobody knows.
    """

    def __init__(self, journal: Journal, seed: int, epochs: int | None = None) -> None:
        self.journal = journal
        self.seed = seed
        self.epochs = epochs
        self._steps: dict[int, list[float]] = {}

    @property
    def history(self) -> History:
        """What happened so far."""
        return self.journal.history

    def open(
        self, strategy: Strategy, objective: str, direction: str, max_trials: int | None
    ) -> None:
        """Opens the journal, if nobody has."""
        if self.history.opened:
            return
        self.journal.append(
            EventKind.SEARCH_OPENED,
            objective=objective,
            direction=direction,
            seed=self.seed,
            strategy=strategy.name,
            options=strategy.options,
            space=strategy.domain.to_json(),
            budget={"max_trials": max_trials},
            session=1,
            **({} if self.epochs is None else {"fidelity": {"epochs": self.epochs}}),
        )

    def waiting(self, taken: Collection[int]) -> int | None:
        """Returns the first trial that is proposed but neither finished nor `taken`, if any."""
        free = (trial.number for trial in self.history.unfinished if trial.number not in taken)
        return next(free, None)

    def propose(self, number: int, proposal: Proposal, origin: str) -> None:
        """Writes down a proposal, and in its origin if it had to be replaced."""
        if isinstance(proposal, Substitute):
            origin = f"{origin} (repeated trial {proposal.repeated}: random instead)"
        more = {"fidelity": proposal.fidelity or None, "parent": proposal.parent}
        self.journal.append(
            EventKind.TRIAL_PROPOSED,
            trial=number,
            values=dict(proposal.values),
            origin=origin,
            **{name: field for name, field in more.items() if field is not None},
        )

    def start(self, number: int, from_epoch: int = 0) -> Trial:
        """Writes down that the next attempt at a trial begins, and returns the trial.

        Args:
            number: Which trial.
            from_epoch: Epochs that count on, of its attempt before or of its parent.
        """
        self._steps[number] = []
        trial = self.history[number]
        self.journal.append(
            EventKind.TRIAL_STARTED,
            trial=number,
            attempt=trial.attempt + 1,
            seed=trial_seed(self.seed, self.history.root_of(number)),
            epochs=trial.fidelity.get("epochs", self.epochs),
            from_epoch=from_epoch,
        )
        return self.history[number]

    def measure(self, number: int, metrics: Mapping[str, float], step: float) -> None:
        """Writes down one epoch, unless its step is known or the tuner writes the epochs itself."""
        steps = self._steps.setdefault(number, [])
        if step in steps or self.history[number].epochs > len(steps):
            return
        steps.append(step)
        logs = {name: float(value) for name, value in metrics.items()}
        self.journal.append(EventKind.EPOCH_ENDED, trial=number, epoch=len(steps), logs=logs)

    def end(
        self,
        number: int,
        status: TrialStatus,
        *,
        score: float | None = None,
        reason: str | None = None,
        checkpoint: str | None = None,
        duration_s: float | None = None,
    ) -> None:
        """Writes down how an attempt ended, unless the tuner did that itself."""
        self._steps.pop(number, None)
        trial = self.history[number]
        if trial.status != TrialStatus.RUNNING:
            return
        now = time.time()
        self.journal.append(
            EventKind.TRIAL_ENDED,
            trial=number,
            status=str(status),
            score=score,
            reason=reason,
            duration_s=now - (trial.started or now) if duration_s is None else duration_s,
            checkpoint=checkpoint,
        )
