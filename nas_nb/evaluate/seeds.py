"""Seeds of trials, set without disturbing the user's."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from nas_nb.private_imports import seed_generator
from nas_nb.space.model_building import fresh_names

_SEEDING = threading.RLock()
_OPEN: list[tuple[int, Any, Any]] = []  # thread, and the states of `random` and NumPy before


def trial_seed(search_seed: int, number: int) -> int:
    """Returns the seed of a trial, a function of the search's seed and the trial's number alone."""
    state = np.random.SeedSequence([search_seed, number]).generate_state(1)
    return int(state[0] >> 1)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds what Keras, Python and NumPy draw in this thread's block, and undoes it after."""
    # Keras takes a default seed for every initializer and dropout layer from Python's `random`. In
    # the block they come from a generator of this thread, so that a model depends on `seed` alone,
    # whatever other threads draw. What `build` draws from `random` or `numpy.random` is seeded,
    # too, as far as no other thread draws there. TensorFlow's global seed is left alone: Keras 3
    # does not read it.
    lock = _SEEDING
    with lock:
        python_state, numpy_state = random.getstate(), np.random.get_state()
        _OPEN.append((threading.get_ident(), python_state, numpy_state))
        before, _OF_THREAD.generator = _OF_THREAD.generator, random.Random(seed)
        random.seed(seed)
        np.random.seed(seed)
        try:
            with fresh_names():
                yield
        finally:
            _OF_THREAD.generator = before
            if lock is _SEEDING:  # else the block was given up, and this undone
                _OPEN.pop()
                random.setstate(python_state)
                np.random.set_state(numpy_state)


def abandon_seeds(thread: int) -> None:
    """Undoes what a thread seeded that never leaves its block, and lets others seed again."""
    global _SEEDING  # noqa: PLW0603 - the lock of that thread can't be released
    if _OPEN and _OPEN[0][0] == thread:
        _, python_state, numpy_state = _OPEN[0]
        _OPEN.clear()
        _SEEDING = threading.RLock()
        random.setstate(python_state)
        np.random.set_state(numpy_state)


@contextmanager
def isolated_seeds(seed: int = 0) -> Iterator[None]:
    """Lets Keras draw its default seeds from a generator of this thread alone."""
    before, _OF_THREAD.generator = _OF_THREAD.generator, random.Random(seed)
    try:
        yield
    finally:
        _OF_THREAD.generator = before


class _OfThread(threading.local):
    generator: random.Random | None = None


_OF_THREAD = _OfThread()


class _KerasRandom:
    """Stands for Python's `random` in Keras: a seeded block's generator, or the module itself."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_OF_THREAD.generator or random, name)


# Keras has no other way to be told: its default seeds come from this one name, for all threads.
seed_generator.python_random = _KerasRandom()


class _Numbered(random.Random):
    """Numbers the draws, from 1, in place of drawing."""

    drawn = 0

    def randint(self, a: int, b: int) -> int:
        self.drawn += 1
        return self.drawn


def default_seeds(model: keras.Model, build: Callable[[], keras.Model]) -> list[int]:
    """Returns the seeds with which `build` makes an untrained model anew, as it asks for them.

    Args:
        model: A model that was just built, whose layers drew their seeds in another order.
        build: Makes a model of the same layers.
    """
    before, _OF_THREAD.generator = _OF_THREAD.generator, _Numbered()
    try:
        twin = build()
        seeds = [1] * _OF_THREAD.generator.drawn
    finally:
        _OF_THREAD.generator = before
    for number, seed in zip(_seeds_of(twin), _seeds_of(model), strict=True):
        if 0 < number <= len(seeds):
            seeds[number - 1] = seed
    return seeds


def _seeds_of(model: keras.Model) -> Iterator[int]:
    for layer in model._flatten_layers():  # noqa: SLF001 - cells and parts of layers, too
        for value in vars(layer).values():
            if isinstance(value, keras.random.SeedGenerator):
                yield int(keras.ops.convert_to_numpy(value.state)[0])
            elif isinstance(value, keras.initializers.Initializer) and hasattr(value, "seed"):
                yield int(value.seed)
