"""One net whose weights all architectures of a space share: one-shot and DARTS."""

from nas_nb.supernet.supernet import Supernet

__all__ = ["Supernet"]
