"""HOW a child starts from its parent: weights that overlap, and functions that are kept."""

from nas_nb.evaluate.inheritance.inherit import inherit
from nas_nb.evaluate.inheritance.report import InheritanceReport

__all__ = ["InheritanceReport", "inherit"]
