"""Zero-cost proxies: scores of an untrained model, from one batch and no training.

They mislead as often as they help: `params` and `macs` are the baselines that a proxy has to beat
on the space at hand. `search.proxies()` shows it for a search's own trials, and
`benchmarks/bench_proxies.py` for some spaces.
"""

from nas_nb.evaluate.proxies.activation_proxies import jacob_cov, naswot, zen
from nas_nb.evaluate.proxies.gradient_proxies import grad_norm, snip, synflow
from nas_nb.evaluate.proxies.ranking import (
    BASELINES,
    FEWEST_CANDIDATES,
    PROXIES,
    Proxy,
    ProxyRank,
    ProxyScore,
    Scores,
    chance_tau,
    get_proxy,
    macs_proxy,
    params_proxy,
    rank_proxies,
    score_all,
)

__all__ = [
    "BASELINES",
    "FEWEST_CANDIDATES",
    "PROXIES",
    "Proxy",
    "ProxyRank",
    "ProxyScore",
    "Scores",
    "chance_tau",
    "get_proxy",
    "grad_norm",
    "jacob_cov",
    "macs_proxy",
    "naswot",
    "params_proxy",
    "rank_proxies",
    "score_all",
    "snip",
    "synflow",
    "zen",
]
