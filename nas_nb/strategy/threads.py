"""One thread for the linear algebra of a proposal."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def one_thread() -> AbstractContextManager[Any]:
    """Returns a context in which the libraries of linear algebra use a single thread.

    With matrices as small as those of a proposal, threads only wait for each other, a hundred
    times longer than they work on a busy machine; and the last digits would depend on how many
    there are.
    """
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited


@lru_cache(maxsize=1)
def _controller() -> Any:
    """Found once: looking for the loaded libraries takes milliseconds."""
    import scipy.linalg  # noqa: F401 - so that its library is among those that are loaded
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
