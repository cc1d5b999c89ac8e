"""What a child took from its parent, in numbers and in a line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InheritanceReport:
    """How many layers with weights came about in which way.

    Attributes:
        copied: As wide as in the parent.
        widened: With more units, or a larger kernel, than in the parent.
        deepened: New ones that pass on what comes in, so that the net is only deeper.
        fresh: New ones with weights of their own.
        preserving: Whether the child computes what its parent computes.
        narrowed: With fewer units, or a smaller kernel, than in the parent.
        reason: Why nothing could be inherited; None if something could.
    """

    copied: int
    widened: int
    deepened: int
    fresh: int
    preserving: bool
    narrowed: int = 0
    reason: str | None = None

    def __str__(self) -> str:
        """The line for the row of a trial, to be put behind "inherited from trial 3: "."""
        if self.reason is not None:
            return f"nothing, {self.reason}"
        counts = (
            (self.copied, "copied"),
            (self.widened, "widened"),
            (self.narrowed, "narrowed"),
            (self.deepened, "inserted"),
            (self.fresh, "fresh"),
        )
        parts = [f"{count} {word}" for count, word in counts if count]
        layers = ", ".join(parts) or "0 copied"
        first, _, rest = layers.partition(" ")
        noun = "layer" if first == "1" else "layers"
        text = f"{first} {noun} {rest}"
        return f"{text} (function-preserving)" if self.preserving else text
