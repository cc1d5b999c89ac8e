"""Whether nobody watches: a grader runs the notebook."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TextIO

MAX_TIME_S = 120
"""The time of a search that was given none, where nobody could stop it."""


def is_headless() -> bool:
    """Tells whether a grader runs this: nbgrader says so, for others `NAS_NB_HEADLESS=1` does."""
    return bool(os.environ.get("NBGRADER_EXECUTION")) or os.environ.get("NAS_NB_HEADLESS") == "1"


def warn_on_stdout() -> None:
    """Shows warnings on stdout: nbgrader gives no points for a cell that writes to stderr."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        (file or sys.stdout).write(
            warnings.formatwarning(message, category, filename, lineno, line)
        )

    warnings.showwarning = show
