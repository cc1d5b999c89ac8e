"""How much memory there is: what the container gives, and what the device has for data."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import psutil

from nas_nb.evaluate.backend import on_tensorflow

CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def container_bytes() -> int | None:
    """Returns the memory that the container gives, or None where it is the machine's."""
    stated = os.environ.get("MEM_LIMIT", "")
    limits = [int(stated)] if stated.isdigit() else []
    for file in CGROUP_LIMITS:
        if file.is_file():
            text = file.read_text().strip()
            limits += [int(text)] if text.isdigit() else []
    # Without a limit cgroups of version 1 show a huge number.
    within = [limit for limit in limits if 0 < limit < psutil.virtual_memory().total]
    return min(within, default=None)


def device_bytes() -> int:
    """Returns the memory for tensors: of the smallest GPU, else of the container or machine."""
    on_host = container_bytes() or int(psutil.virtual_memory().total)
    return min([on_host, *_gpus_bytes()])


@cache
def _gpus_bytes() -> tuple[int, ...]:
    """Returns what TensorFlow may use of each GPU."""
    if not on_tensorflow():
        return ()
    import tensorflow as tf

    if not tf.config.list_logical_devices("GPU"):
        return ()
    from tensorflow.python.client import device_lib

    listed = device_lib.list_local_devices()
    return tuple(device.memory_limit for device in listed if device.device_type == "GPU")
