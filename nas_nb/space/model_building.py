"""How a model is built: its automatic names begun anew, and without weights to look at alone."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import keras
import numpy as np

from nas_nb.private_imports import global_state

T = TypeVar("T")

_COUNTERS = "object_name_uids"
_PATCHING = threading.RLock()
_SCOPE = "stateless_scope"
_WAITING = "uninitialized_variables"
_GENERATOR = "global_seed_generator"


class WeightlessBuilder:
    """Calls functions that make Keras models, and gives those models no weights."""

    # Inside Keras's stateless scope a variable has a shape and no value, which saves the memory and
    # most of the time of a build (a ResNet50 takes 0.4 s instead of 3.7 s). `close` gives values to
    # the variables that outlive the models, because the user's own layers hold them.

    def __init__(self) -> None:
        self._made: list[weakref.ref[Any]] = []
        # What is here already can't be a model that is made here: `close` needn't look at it, which
        # with TensorFlow in memory takes a quarter of a second. Somebody else's freeze is left be.
        self._froze = not gc.get_freeze_count()
        if self._froze:
            gc.freeze()

    def call(self, function: Callable[[], T]) -> T:
        """Returns what `function` returns; a model in it can't be trained or called."""
        made: list[Any] = []
        try:
            with weightless(made):
                return function()
        finally:
            self._made += [weakref.ref(variable) for variable in made]

    def close(self) -> None:
        """Initialises the variables that are still in use."""
        gc.collect()  # models are cyclic: without this every one of them would seem in use
        if self._froze:
            gc.unfreeze()
        kept = [variable for ref in self._made if (variable := ref()) is not None]
        self._made.clear()
        if kept:
            waiting = global_state.get_global_attribute(_WAITING) or []
            global_state.set_global_attribute(_WAITING, [*waiting, *kept])
            with keras.StatelessScope():
                pass  # leaving the scope initialises what waits


@contextmanager
def weightless(made: list[Any] | None = None) -> Iterator[None]:
    """Gives the variables that are made in the block shapes, and no values."""
    waiting = global_state.get_global_attribute(_WAITING)
    global_state.set_global_attribute(_WAITING, [] if made is None else made)
    try:
        with _optimizers_with_values(), keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(_WAITING, waiting or [])


@contextmanager
def _optimizers_with_values() -> Iterator[None]:
    """Lets optimisers be made inside a stateless scope, which refuses their step counter."""
    base = keras.optimizers.Optimizer
    with _PATCHING:
        original = base.__init__

        def outside_the_scope(self: Any, *args: Any, **options: Any) -> None:
            scope = global_state.get_global_attribute(_SCOPE)
            global_state.set_global_attribute(_SCOPE, None)
            try:
                original(self, *args, **options)
            finally:
                global_state.set_global_attribute(_SCOPE, scope)

        base.__init__ = outside_the_scope
        try:
            yield
        finally:
            base.__init__ = original


@contextmanager
def undisturbed_random_state() -> Iterator[None]:
    """Puts Python's, NumPy's and Keras's global random states back when the block ends."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    generator = global_state.get_global_attribute(_GENERATOR)
    position = None if generator is None else generator.state.numpy()
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        global_state.set_global_attribute(_GENERATOR, generator)
        if position is not None:
            generator.state.assign(position)


def restart_names() -> None:
    """Lets Keras count automatic names from the start again, in this thread."""
    global_state.set_global_attribute(_COUNTERS, None)


@contextmanager
def fresh_names() -> Iterator[None]:
    """Lets Keras count automatic names from the start in the block, and puts its counters back."""
    # A metric `AUC()` is then "auc" in every candidate. And TensorFlow keeps about 30 kB for every
    # variable name that it ever saw, so names that repeat keep memory flat.
    before = global_state.get_global_attribute(_COUNTERS)
    restart_names()
    try:
        yield
    finally:
        global_state.set_global_attribute(_COUNTERS, before)
