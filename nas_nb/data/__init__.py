"""Data sets that need no download; training, validation and test rows as one value."""

from __future__ import annotations

from nas_nb.data.dataset import Data, DataSpec
from nas_nb.data.ready import default_data, load, use
from nas_nb.data.task import Task

__all__ = ["Data", "DataSpec", "Task", "default_data", "load", "use"]
