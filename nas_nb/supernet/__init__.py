"""HOW many are measured at once: one net whose weights all architectures of a space share."""

from nas_nb.supernet.supernet import Supernet

__all__ = ["Supernet"]
