"""One trial, as the record knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from nas_nb.record.frozen import NOTHING
from nas_nb.record.values import Value, values_key


class TrialStatus(StrEnum):
    """Where a trial stands."""

    PROPOSED = "proposed"
    """It has a number and values; nothing was trained yet."""
    RUNNING = "running"
    """It is being trained."""
    COMPLETED = "completed"
    """It was trained as far as it was granted, and has a score. Final."""
    FAILED = "failed"
    """It could not be built or trained; `reason` says why. Another attempt may follow."""
    STOPPED = "stopped"
    """It was cut off, by the user or by the death of its kernel; it is taken up again first."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A snapshot of one trial: the search that goes on does not change it, and nobody else can."""

    number: int
    """0-based, in the order of proposal."""
    values: dict[str, Value] = field(hash=False)
    """The architecture's choices: the active names only."""
    origin: str
    """The strategy that proposed it, or "user"."""
    status: TrialStatus = TrialStatus.PROPOSED
    attempt: int = 0
    """1-based; 0 before the first."""
    seed: int | None = None
    """Of the last attempt."""
    epochs_granted: int | None = None
    curve: tuple[dict[str, float], ...] = field(default=(), hash=False)
    """The logs of each epoch of the last attempt (with those that it took over)."""
    score: float | None = None
    reason: str | None = None
    """Why it failed or stopped, in one line."""
    duration_s: float = 0.0
    """Of the last attempt; while it runs, of its epochs so far."""
    costs: dict[str, float] = field(default_factory=lambda: NOTHING, hash=False)
    """What the model costs, e.g. {"params": 1234}."""
    note: str | None = None
    checkpoint: str | None = None
    """Where the weights are, relative to the journal's folder."""
    started: float | None = None
    """Unix seconds, of the last attempt."""
    ended: float | None = None
    fidelity: dict[str, float] = field(default_factory=lambda: NOTHING, hash=False)
    """What it was granted where that differs from the search's grant, e.g. {"epochs": 3}."""
    parent: int | None = None
    """The trial whose weights it starts from."""

    @property
    def epochs(self) -> int:
        """How many epochs the curve has."""
        return len(self.curve)

    @property
    def key(self) -> str:
        """The canonical text of the values."""
        return values_key(self.values)


@dataclass(slots=True)
class TrialDraft:
    """The same trial while events still change it; `freeze` takes the snapshot."""

    number: int
    values: dict[str, Value]
    origin: str
    status: TrialStatus = TrialStatus.PROPOSED
    attempt: int = 0
    seed: int | None = None
    epochs_granted: int | None = None
    curve: list[dict[str, float]] = field(default_factory=list)
    last_epoch: int = 0
    score: float | None = None
    reason: str | None = None
    duration_s: float = 0.0
    costs: dict[str, float] = field(default_factory=lambda: NOTHING)
    note: str | None = None
    checkpoint: str | None = None
    started: float | None = None
    ended: float | None = None
    fidelity: dict[str, float] = field(default_factory=lambda: NOTHING)
    parent: int | None = None

    def freeze(self) -> Trial:
        """Returns the trial as it is now."""
        return Trial(
            self.number,
            self.values,
            self.origin,
            self.status,
            self.attempt,
            self.seed,
            self.epochs_granted,
            tuple(self.curve),
            self.score,
            self.reason,
            self.duration_s,
            self.costs,
            self.note,
            self.checkpoint,
            self.started,
            self.ended,
            self.fidelity,
            self.parent,
        )
