"""The budget of a search: what may be spent, how much is, and how long the rest will take."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nas_nb.errors import BudgetError

if TYPE_CHECKING:
    from nas_nb.record.history import History

Duration = str | float | dt.timedelta

_UNITS = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_WHOLE = ("max_trials", "max_epochs", "max_params", "max_flops", "max_memory_bytes")


@dataclass(frozen=True)
class Progress:
    """How far a search is.

    Attributes:
        done: Trials that ended (completed or failed).
        total: `max_trials`, or None when trials are not limited.
        fraction: The share of the budget that is spent, in [0, 1], by its scarcest part.
        elapsed_s: Seconds of search, pauses left out.
        eta_s: Estimated seconds to the end, or None before the first trial ended.
    """

    done: int
    total: int | None
    fraction: float
    elapsed_s: float
    eta_s: float | None


@dataclass(frozen=True)
class Budget:
    """What a search may spend. At least one of the first three has to be set.

    Attributes:
        max_trials: Trials that may end (completed or failed), 1 or more; None for no limit.
        max_time_s: Seconds of search, pauses left out; None for no limit.
        max_epochs: Epochs of training, over all trials together; None for no limit.
        max_params: Weights of one candidate: a larger one fails before it is trained.
        max_flops: Multiply-adds of one candidate for one sample, likewise.
        max_latency_s: Seconds that one candidate takes to predict from one sample, likewise: the
            median of warm calls, measured on this machine.
        max_time_per_trial_s: Seconds of one trial; a longer one is cut off and fails.
        max_memory_bytes: Resident memory of the kernel at which the search pauses; None takes 90 %
            of what the container gives.
    """

    max_trials: int | None = None
    max_time_s: float | None = None
    max_epochs: int | None = None
    max_params: int | None = None
    max_flops: int | None = None
    max_time_per_trial_s: float | None = None
    max_memory_bytes: int | None = None
    max_latency_s: float | None = None

    def __post_init__(self) -> None:
        for name in _WHOLE:
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise BudgetError(
                    f"Expected `{name}` to be a whole number. Received: {name}={value!r}. "
                    f"Write for example {name}=20."
                )
        for name, value in asdict(self).items():
            if value is not None and not value > 0:
                shown = name.removesuffix("_s")
                raise BudgetError(
                    f"A search with {shown}={value} could not evaluate anything: "
                    f"set `{shown}` above 0, or leave it out for no limit."
                )
        if self.max_trials is self.max_time_s is self.max_epochs is None:
            raise BudgetError(
                "The search has no budget and would never end: set `max_trials=20`, "
                '`max_time="2 min"` or `max_epochs=100` (the first to be reached ends it).'
            )

    def spent(self, history: History, elapsed_s: float) -> str | None:
        """Returns which limit is reached, as a sentence, or None while something is left."""
        if self.max_trials is not None and len(history.finished) >= self.max_trials:
            return f"max_trials={self.max_trials} reached"
        if self.max_time_s is not None and elapsed_s >= self.max_time_s:
            return f"max_time of {describe_duration(self.max_time_s)} reached"
        if self.max_epochs is not None and history.epochs_spent >= self.max_epochs:
            return f"max_epochs={self.max_epochs} reached"
        return None

    def epochs_left(self, history: History) -> float:
        """Returns how many epochs may still be trained; `math.inf` without a limit."""
        if self.max_epochs is None:
            return math.inf
        return max(0, self.max_epochs - history.epochs_spent)

    def progress(self, history: History, elapsed_s: float) -> Progress:
        """Returns how far the search is, by the part of the budget that will end it."""
        done = len(history.finished)
        fractions = [0.0]
        if self.max_trials is not None:
            fractions.append(done / self.max_trials)
        if self.max_time_s is not None:
            fractions.append(elapsed_s / self.max_time_s)
        if self.max_epochs is not None:
            fractions.append(history.epochs_spent / self.max_epochs)
        fraction = min(1.0, max(fractions))
        eta_s = elapsed_s * (1 - fraction) / fraction if done and fraction > 0 else None
        if eta_s is None and self.max_time_s is not None:
            eta_s = max(0.0, self.max_time_s - elapsed_s)
        return Progress(done, self.max_trials, fraction, elapsed_s, eta_s)

    def to_json(self) -> dict[str, Any]:
        """Returns the limits that are set, for the journal."""
        return {name: limit for name, limit in asdict(self).items() if limit is not None}


def parse_duration(duration: Duration | None, name: str = "max_time") -> float | None:
    """Returns a duration in seconds.

    Args:
        duration: Seconds, a `timedelta`, a text as pandas reads it ("2 min", "90 s", "1h 30min"),
            or None.
        name: What the duration is called, for messages.

    Raises:
        BudgetError: The text is no duration.
    """
    if duration is None:
        return None
    if isinstance(duration, dt.timedelta):
        return duration.total_seconds()
    if isinstance(duration, str):
        return _parse_text(duration, name)
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        raise BudgetError(
            f"Expected `{name}` in seconds, as a timedelta or as a text like '2 min'. "
            f"Received: {name}={duration!r}."
        )
    if not math.isfinite(duration):
        raise BudgetError(f"Expected a finite `{name}`. Received: {name}={duration!r}.")
    return float(duration)


def _parse_text(text: str, name: str) -> float:
    import pandas as pd

    try:
        return float(text)
    except ValueError:
        pass
    try:
        seconds = float(pd.Timedelta(text).total_seconds())
    except ValueError:
        seconds = math.nan
    if math.isnan(seconds):
        raise BudgetError(
            f"'{text}' is no duration: write {name}='2 min', '90 s', '5 ms', '1h 30min' "
            "or a number of seconds."
        )
    return seconds


def parse_bytes(memory: str | float | None) -> int | None:
    """Returns an amount of memory in bytes.

    Args:
        memory: Bytes, or a text such as "1.8 GB" or "500 MB" (decimal units); None for no limit.

    Raises:
        BudgetError: The text is no amount.
    """
    if memory is None:
        return None
    text = str(memory).strip().upper().removesuffix("B").strip()
    factor = _UNITS.get(text[-1:], 1.0)
    try:
        return int(float(text.rstrip("KMGT").strip()) * factor)
    except (ValueError, OverflowError) as error:
        raise BudgetError(
            f"'{memory}' is no amount of memory: write max_memory='1.8 GB', '500 MB' or bytes."
        ) from error


def describe_duration(seconds: float) -> str:
    """Returns seconds as people write them: '45 s', '2 min 5 s', '1 h 3 min'."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{seconds:.2g} s" if 0 < seconds < 1 else f"{rest} s"
