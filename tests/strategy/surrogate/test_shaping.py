import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nas_nb.strategy.surrogate import shape_scores

finite = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))


@given(st.lists(finite, min_size=1, max_size=40), st.integers(0, 5))
def test_order_is_kept_and_failures_are_worst(scores: list[float], failed: int) -> None:
    given_scores = np.array(scores)
    shaped = shape_scores(given_scores, failed)
    assert np.isfinite(shaped).all()
    done = shaped[: len(scores)]
    order = np.argsort(given_scores, kind="stable")
    assert (np.diff(done[order]) >= -1e-9).all()
    assert (shaped[len(scores) :] < done.min()).all()


def test_the_bad_half_is_compressed_and_the_good_half_is_not() -> None:
    shaped = shape_scores(np.array([-1000.0, 5.0, 6.0, 7.0, 8.0]))
    gaps = np.diff(shaped)
    assert np.isclose(gaps[2], gaps[3])
    assert gaps[0] < 10 * gaps[3]


def test_equal_scores_are_zeros() -> None:
    assert shape_scores(np.array([3.0, 3.0, 3.0])).tolist() == [0, 0, 0]


def test_scores_of_any_size_have_a_shape() -> None:
    shaped = shape_scores(np.array([-1e308, 0.0, 1e308]), 1)
    assert np.isfinite(shaped).all()
    assert shaped[0] < shaped[1] < shaped[2]
