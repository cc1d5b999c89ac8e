"""Names that Keras gives by itself ("dense", "dense_1", "auc"), begun anew for a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nas_nb.private_imports import global_state

_COUNTERS = "object_name_uids"


def restart_names() -> None:
    """Lets Keras count automatic names from the start again, in this thread."""
    global_state.set_global_attribute(_COUNTERS, None)


@contextmanager
def fresh_names() -> Iterator[None]:
    """Lets Keras count automatic names from the start in the block, and puts its counters back.

    A metric `AUC()` is then "auc" in every candidate. TensorFlow, too, keeps about 30 kB for every
    variable name that it ever saw, so names that repeat keep memory flat.
    """
    before = global_state.get_global_attribute(_COUNTERS)
    restart_names()
    try:
        yield
    finally:
        global_state.set_global_attribute(_COUNTERS, before)
