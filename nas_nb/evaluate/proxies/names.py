"""Every zero-cost proxy under its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nas_nb.errors import MeasureError, nearest
from nas_nb.evaluate.proxies.flops import flops
from nas_nb.evaluate.proxies.grad_norm import grad_norm
from nas_nb.evaluate.proxies.jacob_cov import jacob_cov
from nas_nb.evaluate.proxies.naswot import naswot
from nas_nb.evaluate.proxies.params import params
from nas_nb.evaluate.proxies.snip import snip
from nas_nb.evaluate.proxies.synflow import synflow
from nas_nb.evaluate.proxies.zen import zen

Proxy = Callable[[Any, Any, Any], float]
"""``proxy(model, x, y) -> score``, greater for a model that promises more.

The model is built, compiled and untrained; it has the weights and the state afterwards that it had
before. The score is a function of the model's weights and the batch alone.
"""

PROXIES: dict[str, Proxy] = {
    "params": params,
    "flops": flops,
    "synflow": synflow,
    "snip": snip,
    "grad_norm": grad_norm,
    "jacob_cov": jacob_cov,
    "naswot": naswot,
    "zen": zen,
}
"""The proxies by name, the two baselines first."""


def proxy(name: str) -> Proxy:
    """Returns the proxy of this name.

    Raises:
        MeasureError: There is none.
    """
    if name not in PROXIES:
        raise MeasureError(
            f"Expected one of the proxies {', '.join(PROXIES)}, got {name!r}."
            + nearest(str(name), PROXIES)
        )
    return PROXIES[name]
