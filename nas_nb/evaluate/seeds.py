"""Seeds of a trial: derived from the search's seed, and set without disturbing the user's."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_SEEDING = threading.RLock()


def trial_seed(search_seed: int, number: int) -> int:
    """Returns the seed of a trial, a function of the search's seed and the trial's number alone.

    Args:
        search_seed: The search's seed, 0 or more.
        number: The trial's number, from 0.

    Returns:
        An int in [0, 2**31), so that every library takes it.
    """
    state = np.random.SeedSequence([search_seed, number]).generate_state(1)
    return int(state[0] >> 1)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds Python's and NumPy's generators for the block, and then puts the user's states back.

    Keras draws the default seed of every initializer and dropout layer from Python's `random`
    when the layer is made, so a model that is built inside the block depends on `seed` alone.
    TensorFlow's global seed is left alone: Keras 3 does not read it.

    Args:
        seed: An int in [0, 2**32).
    """
    with _SEEDING:
        python_state, numpy_state = random.getstate(), np.random.get_state()
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
