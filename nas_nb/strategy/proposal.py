"""A proposal that says more than which architecture: how long to train it, and from where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nas_nb.errors import StrategyError
from nas_nb.record.values import plain

if TYPE_CHECKING:
    from nas_nb.record.values import Value


@dataclass(frozen=True)
class Proposal:
    """What a strategy asks for where the architecture alone would not say it.

    A strategy that trains every architecture in full returns plain values. One that works with
    fidelities returns a proposal: a low fidelity first, and for what is promoted a new trial whose
    `parent` is the earlier one.

    Args:
        values: The architecture's choices.
        fidelity: What differs from the search's own grant: "epochs" (in all, those of the
            parent that is continued included), "fraction" (of the training samples, above 0 to 1),
            "resolution" (of images, above 0 to 1), "repeats" (trainings from different seeds).
        parent: The trial whose weights it starts from, or None. With the same values it is
            continued, optimizer's state included; with others it inherits what overlaps.

    Raises:
        StrategyError: There is no such fidelity, or it is out of its range.
    """

    values: dict[str, Value]
    fidelity: dict[str, float] = field(default_factory=dict)
    parent: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.fidelity, Mapping):
            raise StrategyError(
                "Expected the fidelity of a proposal to be a dict, as in {'epochs': 3}. "
                f"Received: {self.fidelity!r} (of type {type(self.fidelity).__name__})."
            )
        for name, given in self.fidelity.items():
            amount = plain(given)
            if name in WHOLE:
                legal = isinstance(amount, int) and not isinstance(amount, bool) and amount >= 1
                wanted = "a whole number, 1 or more"
            elif name in PARTS:
                legal = isinstance(amount, (int, float)) and 0 < amount <= 1
                wanted = "a number above 0 and at most 1"
            else:
                legal, wanted = False, f"one of {', '.join((*WHOLE, *PARTS))}"
            if not legal:
                raise StrategyError(
                    f"Expected a fidelity that is {wanted}. Received: {name}={given!r}."
                )


@dataclass(frozen=True)
class Substitute(Proposal):
    """A random architecture in place of one that was proposed again: the record shows it so.

    Args:
        repeated: The trial whose architecture was proposed again.
    """

    repeated: int = 0


WHOLE = ("epochs", "repeats")
PARTS = ("fraction", "resolution")
