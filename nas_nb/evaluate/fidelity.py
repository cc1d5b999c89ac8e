"""Fidelity: how much training a trial is granted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from nas_nb.errors import NasError


@dataclass(frozen=True)
class Fidelity:
    """How much training a trial is granted. Less of it is cheaper, and says less.

    Attributes:
        epochs: Epochs in all, 1 or more; those of a trial that is continued count.
        batch_size: Samples a batch, 1 or more; the last batch of an epoch may be smaller.
        fraction: Share of the training samples, above 0 to 1. Every class keeps its share, and a
            smaller part lies within a larger one. Validation is on all its samples.
        resolution: Share of an image's height and width, above 0 to 1: the images are made
            smaller, and so is the candidate that is built for them.
        repeats: Trainings from different seeds, 1 or more; what is compared is their mean.
        patience: Epochs without improvement of the objective after which a trial ends, 1 or more;
            None for no such end.
        min_delta: By how much an epoch has to be better to count as an improvement, 0 or more.
        stop_early: Whether a trial ends whose learning curve can't reach the best ones.
    """

    epochs: int = 10
    batch_size: int = 32
    fraction: float = 1.0
    resolution: float = 1.0
    repeats: int = 1
    patience: int | None = None
    min_delta: float = 0.0
    stop_early: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "repeats"):
            check_whole(name, getattr(self, name), least=1)
        if self.patience is not None:
            check_whole("patience", self.patience, least=1)
        for name in ("fraction", "resolution"):
            _check_number(
                name, getattr(self, name), "above 0 and at most 1", 0 < _of(self, name) <= 1
            )
        _check_number("min_delta", self.min_delta, "0 or more", _of(self, "min_delta") >= 0)

    def granted(self, differing: Mapping[str, float]) -> Fidelity:
        """Returns what a trial is granted whose proposal differs in some of it."""
        return replace(self, **differing) if differing else self  # type: ignore[arg-type]

    def is_below(self, full: Fidelity) -> bool:
        """Whether it is less than `full` in something, so that the trial may be promoted."""
        return any(
            getattr(self, name) < getattr(full, name)
            for name in ("epochs", "fraction", "resolution", "repeats")
        )

    def to_json(self) -> dict[str, Any]:
        """Returns epochs, batch size, and what differs from the defaults, for the journal."""
        usual = {field.name: field.default for field in fields(self)}
        always = ("epochs", "batch_size")
        return {
            name: value
            for name, value in asdict(self).items()
            if name in always or value != usual[name]
        }


def _of(fidelity: Fidelity, name: str) -> float:
    value = getattr(fidelity, name)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number else float("nan")


def _check_number(name: str, value: object, expected: str, legal: bool) -> None:
    if not legal:
        raise NasError(f"Expected `{name}` to be a number {expected}. Received: {name}={value!r}.")


def check_whole(name: str, value: object, *, least: int) -> None:
    """Checks a setting that counts something.

    Raises:
        NasError: It is no whole number, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise NasError(
            f"Expected `{name}` to be a whole number, {least} or more. Received: {name}={value!r}."
        )
