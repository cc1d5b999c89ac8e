"""The random seeds, settings and state that Keras keeps for all threads, kept for one alone."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any

import keras
import numpy as np

from nas_nb.private_imports import global_state, keras_config, seed_generator
from nas_nb.space.definition import fresh_names

_SETTINGS = {"floatx": "_FLOATX", "epsilon": "_EPSILON", "image_data_format": "_IMAGE_DATA_FORMAT"}


class _OfThread(threading.local):
    generator: random.Random | None = None
    state: SimpleNamespace | None = None
    settings: Mapping[str, Any] = MappingProxyType({})


_OF_THREAD = _OfThread()


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


class _KerasRandom:
    """Stands for Python's `random` in Keras: a seeded block's generator, or the module itself."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_OF_THREAD.generator or random, name)


class _Numbered(random.Random):
    """Numbers the draws, from 1, in place of drawing."""

    drawn = 0

    def randint(self, a: int, b: int) -> int:
        self.drawn += 1
        return self.drawn


def default_seeds(model: keras.Model, build: Callable[[], keras.Model]) -> list[int]:
    """Returns the seeds with which `build` makes an untrained model anew; 1 for an unknown one."""
    # `model` was just built by it, and its layers drew their seeds in another order.
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


@dataclass(frozen=True)
class KerasSettings:
    """The dtype policy and what else `keras.config` sets for all threads, by name."""

    values: Mapping[str, Any]

    @classmethod
    def current(cls) -> KerasSettings:
        """Returns those of this thread."""
        names = ("dtype_policy", *_SETTINGS)
        return cls({name: getattr(keras.config, name)() for name in names})

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Gives this thread a Keras state of its own in the block, with these settings."""
        # Another cell may call `clear_session` meanwhile.
        before = _OF_THREAD.state, _OF_THREAD.settings
        _OF_THREAD.settings = self.values
        _OF_THREAD.state = _new_state()
        try:
            yield
        finally:
            _OF_THREAD.state, _OF_THREAD.settings = before


def _new_state() -> SimpleNamespace:
    return SimpleNamespace(dtype_policy=_OF_THREAD.settings["dtype_policy"])


class _State:
    """Stands for the `threading.local` in which Keras keeps its state."""

    def __init__(self) -> None:
        vars(self)["usual"] = threading.local()
        if _OF_THREAD.state is not None:  # `clear_session` by the thread that is kept
            vars(self)["usual"] = vars(global_state.GLOBAL_STATE_TRACKER)["usual"]
            _OF_THREAD.state = _new_state()

    def __getattr__(self, name: str) -> Any:
        return getattr(_OF_THREAD.state or vars(self)["usual"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_OF_THREAD.state or vars(self)["usual"], name, value)


def _setting(name: str, usual: Any) -> Any:
    return _OF_THREAD.settings.get(name, usual)


def _install() -> None:
    # Keras has no other way to be told: its default seeds come from this one name, for all threads.
    seed_generator.python_random = _KerasRandom()
    # `clear_session` puts a new `threading.local()` in the place of everybody's state: it finds
    # ours under that name. The settings are module variables, which one function each reads.
    first = _State()
    vars(first)["usual"] = global_state.GLOBAL_STATE_TRACKER
    global_state.GLOBAL_STATE_TRACKER = first
    global_state.threading = SimpleNamespace(local=_State)
    keras_config.of_thread = _setting
    for name, variable in _SETTINGS.items():
        read = eval(f"lambda: of_thread({name!r}, {variable})")
        getattr(keras_config, name).__code__ = read.__code__


_install()
