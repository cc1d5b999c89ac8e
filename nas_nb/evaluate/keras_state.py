"""Keras's state and settings, kept for a thread: `clear_session` elsewhere does not touch it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any

import keras

from nas_nb.private_imports import global_state, keras_config

_SETTINGS = {"floatx": "_FLOATX", "epsilon": "_EPSILON", "image_data_format": "_IMAGE_DATA_FORMAT"}
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class _OfThread(threading.local):
    state: SimpleNamespace | None = None
    settings: Mapping[str, Any] = _NOTHING


_OF_THREAD = _OfThread()


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
