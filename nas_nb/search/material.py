"""The material of a trial: the space and the data as its fidelity leaves them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from nas_nb.errors import SpaceError
from nas_nb.evaluate.costs import without_weights
from nas_nb.evaluate.resolution import smaller_images
from nas_nb.evaluate.seeds import seeded
from nas_nb.evaluate.subset import subset

if TYPE_CHECKING:
    from nas_nb.data import Data
    from nas_nb.evaluate.fidelity import Fidelity
    from nas_nb.space.search_space import SearchSpace

KEPT = 4
"""How many fidelities keep their copy of the data in memory."""


class Material:
    """Makes space and data for a fidelity, once for all trials that share it.

    Args:
        space: The search space, bound to `data`.
        data: The data in full.
        seed: Decides which samples a part holds.
    """

    def __init__(self, space: SearchSpace, data: Data, seed: int) -> None:
        self._space = space
        self._data = data
        self._seed = seed
        self._lock = threading.Lock()
        self._made: dict[tuple[float, float], tuple[SearchSpace, Data]] = {}

    def of(self, fidelity: Fidelity) -> tuple[SearchSpace, Data]:
        """Returns the space and the data that a trial of this fidelity is trained with.

        Raises:
            DataError: A resolution below 1 was granted, and the samples are no images.
            SpaceError: Or the space builds models for images of one size only.
        """
        key = fidelity.fraction, fidelity.resolution
        with self._lock:
            made = self._made.pop(key, None) or self._make(*key)
            self._made[key] = made
            while len(self._made) > KEPT:
                del self._made[next(iter(self._made))]
            return made

    def _make(self, fraction: float, resolution: float) -> tuple[SearchSpace, Data]:
        small = smaller_images(self._data, resolution)
        space = self._space if small is self._data else self._for_smaller(small, resolution)
        return space, subset(small, fraction, self._seed)

    def _for_smaller(self, small: Data, resolution: float) -> SearchSpace:
        space = self._space.for_data(small.spec)
        shape = small.spec.input_shape
        with seeded(0), without_weights():
            model = space.build_values(space.domain.complete({}))
        takes = tuple(model.input_shape[1:]) if hasattr(model, "input_shape") else shape
        fits = all(side in (None, wanted) for side, wanted in zip(takes, shape, strict=True))
        if not fits or space.domain.to_json() != self._space.domain.to_json():
            raise SpaceError(
                f"Expected a space that builds its models for the images it is given, of {shape} "
                f"at resolution={resolution:g}. Received: models for {takes}. Take a space that "
                "is bound to the data (a dict, or one of nas.spaces), or leave the input's height "
                "and width None."
            )
        return space
