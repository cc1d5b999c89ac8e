"""Automatic layer names that begin anew for every candidate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from keras.src.backend.common import global_state

_COUNTERS = "object_name_uids"


@contextmanager
def fresh_names() -> Iterator[None]:
    """Lets Keras count automatic names from the start in the block, and puts its counters back.

    TensorFlow keeps about 30 kB for every variable name that it ever saw, so candidates called
    `dense_1`, `dense_2`, ... would take a megabyte a trial that is never freed. With names that
    repeat, memory stays flat, and the exported source of a model reads well.
    """
    before = global_state.get_global_attribute(_COUNTERS)
    global_state.set_global_attribute(_COUNTERS, None)
    try:
        yield
    finally:
        global_state.set_global_attribute(_COUNTERS, before)
