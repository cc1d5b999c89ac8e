"""How a trial ends other than by its last epoch."""

from __future__ import annotations


class TrialError(Exception):
    """A candidate that can't be evaluated; its text is the reason in the trial's row."""


class TrialStoppedError(Exception):
    """The control ended the training before its last epoch."""
