"""Zero-cost proxies: scores of an untrained model, from one batch and no training.

They mislead as often as they help: `params` and `flops` are the baselines that a proxy has to beat
on the space at hand. `search.proxies()` shows it for a search's own trials, and
`tests/benchmarks/bench_proxies.py` for some spaces.
"""

from nas_nb.evaluate.proxies.flops import flops
from nas_nb.evaluate.proxies.grad_norm import grad_norm
from nas_nb.evaluate.proxies.jacob_cov import jacob_cov
from nas_nb.evaluate.proxies.names import PROXIES, Proxy, proxy
from nas_nb.evaluate.proxies.naswot import naswot
from nas_nb.evaluate.proxies.params import params
from nas_nb.evaluate.proxies.ranks import (
    BASELINES,
    FEWEST,
    ProxyRank,
    ProxyScore,
    Scores,
    chance,
    rank_proxies,
    score_all,
)
from nas_nb.evaluate.proxies.snip import snip
from nas_nb.evaluate.proxies.synflow import synflow
from nas_nb.evaluate.proxies.zen import zen

__all__ = [
    "BASELINES",
    "FEWEST",
    "PROXIES",
    "Proxy",
    "ProxyRank",
    "ProxyScore",
    "Scores",
    "chance",
    "flops",
    "grad_norm",
    "jacob_cov",
    "naswot",
    "params",
    "proxy",
    "rank_proxies",
    "score_all",
    "snip",
    "synflow",
    "zen",
]
