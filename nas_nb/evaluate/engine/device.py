"""Data on the device: arrays become tensors once, and every trial reads the same ones."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from nas_nb.data import Data


@dataclass(frozen=True, eq=False)
class DeviceSet:
    """One part of the data as tensors.

    Attributes:
        x: Inputs: a tensor `(samples, ...)` or a nest of them.
        y: Targets, likewise.
        sample_weight: Weights `(samples,)`, a nest of them, or None.
        samples: How many rows.
    """

    x: Any
    y: Any
    sample_weight: Any
    samples: int

    @property
    def spec(self) -> str:
        """Describes everything but the number of rows."""
        nest = (self.x, self.y, self.sample_weight)
        return repr(keras.tree.map_structure(_spec, nest))

    def batch(self, size: int) -> Any:
        """Returns the first rows as an `(x, y, sample_weight)` batch."""
        nest = (self.x, self.y, self.sample_weight)
        return keras.tree.map_structure(lambda t: None if t is None else t[:size], nest)


def _spec(tensor: Any) -> Any:
    return None if tensor is None else (tensor.dtype.name, tuple(tensor.shape[1:]))


def device_set(x: Any, y: Any, sample_weight: Any = None) -> DeviceSet:
    """Puts arrays on the device, in the types that `fit` would feed.

    Args:
        x: An array `(samples, ...)`, or a list, tuple or dict of them.
        y: Targets, likewise.
        sample_weight: Weights of the samples, likewise, or None.
    """
    x, y, weight = (keras.tree.map_structure(_tensor, nest) for nest in (x, y, sample_weight))
    return DeviceSet(x, y, weight, int(keras.tree.flatten(x)[0].shape[0]))


def _tensor(array: Any) -> Any:
    if array is None or tf.is_tensor(array):
        return array
    array = np.asarray(array)
    if array.dtype.kind == "f" and array.dtype.name != keras.config.floatx():
        array = array.astype(keras.config.floatx())
    return tf.convert_to_tensor(array)


_resident: weakref.WeakKeyDictionary[Data, tuple[DeviceSet, DeviceSet]]
_resident = weakref.WeakKeyDictionary()


def resident(data: Data) -> tuple[DeviceSet, DeviceSet]:
    """Returns the training and validation parts of `data` as tensors, made at the first call."""
    parts = _resident.get(data)
    if parts is None:
        parts = (device_set(data.x_train, data.y_train), device_set(data.x_val, data.y_val))
        _resident[data] = parts
    return parts
