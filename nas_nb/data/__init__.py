"""Data sets that need no download; training, validation and test rows as one value."""

from __future__ import annotations

from nas_nb.data.dataset import Data
from nas_nb.data.ready import default_data, load, use
from nas_nb.data.spec import DataSpec
from nas_nb.data.standard import Standard
from nas_nb.data.statistics import Statistics
from nas_nb.data.table import Column, Table
from nas_nb.data.task import Task
from nas_nb.data.text import Vocabulary

__all__ = [
    "Column",
    "Data",
    "DataSpec",
    "Standard",
    "Statistics",
    "Table",
    "Task",
    "Vocabulary",
    "default_data",
    "load",
    "use",
]
