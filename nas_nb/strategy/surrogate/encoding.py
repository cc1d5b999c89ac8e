"""Points of a domain as rows of numbers: the space's own encoding."""

from nas_nb.space.encoding import Encoding

__all__ = ["Encoding"]
