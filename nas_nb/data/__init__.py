"""Data sets that need no download; training, validation and test rows as one value."""

from __future__ import annotations

from nas_nb.data.dataset import Data, DataSpec
from nas_nb.data.datasets import default_data, load, use
from nas_nb.data.preprocessing import Column, Standardization, Statistics, Table, Vocabulary
from nas_nb.data.task import Task

__all__ = [
    "Column",
    "Data",
    "DataSpec",
    "Standardization",
    "Statistics",
    "Table",
    "Task",
    "Vocabulary",
    "default_data",
    "load",
    "use",
]
