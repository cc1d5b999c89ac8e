from __future__ import annotations

import numpy as np
import pytest

from nas_nb.errors import SpaceError
from nas_nb.space.ranges import log_uniform, uniform


def test_interval_shows_how_it_was_written() -> None:
    assert repr(uniform(0, 0.5)) == "uniform(0, 0.5)"
    assert repr(log_uniform(1e-4, 0.1)) == "log_uniform(0.0001, 0.1)"


def test_ends_of_numpy_become_plain_numbers() -> None:
    assert uniform(np.int64(1), np.float32(2)) == uniform(1, 2.0)


@pytest.mark.parametrize(
    ("make", "ends", "message"),
    [
        (uniform, (1, 1), "from a low to a higher number"),
        (uniform, (2, 1), "from a low to a higher number"),
        (uniform, (0, float("inf")), "finite ends"),
        (uniform, ("0", 1), "numbers for the ends"),
        (uniform, (True, 2), "numbers for the ends"),
        (log_uniform, (0, 1), "above 0 on a log scale"),
    ],
)
def test_ends_that_make_no_interval_are_refused(make, ends, message) -> None:
    with pytest.raises(SpaceError, match=message):
        make(*ends)
