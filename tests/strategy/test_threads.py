from __future__ import annotations

from threadpoolctl import threadpool_info

from nas_nb.strategy.base import single_blas_thread


def threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_linear_algebra_has_one_thread_inside_and_as_many_as_before_after() -> None:
    with single_blas_thread():
        pass  # so that the library is loaded
    before = threads()
    with single_blas_thread():
        assert threads() == {1}
    assert threads() == before
