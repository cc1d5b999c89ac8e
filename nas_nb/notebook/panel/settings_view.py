"""The settings: what their budget covers, what the strategy does, the same as code."""

from __future__ import annotations

import dataclasses
import html
import inspect
import math
import shlex
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.evaluate.fidelity import Fidelity
from nas_nb.notebook.plots.diagram import copyable
from nas_nb.notebook.wording import folder_text
from nas_nb.search.budget import describe_duration
from nas_nb.search.folder import is_chosen
from nas_nb.space.domain import size_text
from nas_nb.strategy.registry import STRATEGIES
from nas_nb.workers.local_process import KERNEL

if TYPE_CHECKING:
    from nas_nb.notebook.panel.settings_form import SettingsForm
    from nas_nb.notebook.wording import Snapshot
    from nas_nb.strategy.base import Strategy


class SettingsView:
    """The controls, with what they come to."""

    def __init__(self, controls: SettingsForm) -> None:
        self._coverage, self._code = widgets.HTML(), widgets.HTML()
        self._about = controls.about
        self.widget = widgets.VBox([self._coverage, controls.widget, self._code])

    def paint(self, now: Snapshot) -> None:
        """Brings the line about the budget and the code up to date. Called by the painter."""
        self._coverage.value = (
            f'<p class="nas-coverage"><strong>{html.escape(coverage_text(now))}</strong></p>'
        )
        self._about.value = f'<p class="nas-help">{about(now.strategy)}</p>'
        magic = f"# or, above a cell that describes the space\n{magic_text(now)}"
        code = f"{python_text(now)}\n\n{magic}"
        self._code.value = f'<p class="nas-caption">The same as code</p>{copyable(code)}'


def coverage_text(now: Snapshot) -> str:
    """Returns the line '60 of 15,625 architectures, about 4 min'."""
    return f"{_share(now)}, {_time(now)}."


def _share(now: Snapshot) -> str:
    most, size = _trials(now), now.space.size
    if most is None:
        return f"As many of {size_text(size)} as the budget allows"
    shown = min(most, size)
    return f"{int(shown):,} of {size_text(size)}{_part(shown, size)}"


def _part(shown: float, size: float) -> str:
    if size == math.inf or size <= 0:
        return ""
    share = 100 * shown / size
    return f" ({share:.0f} %)" if share >= 1 else f" ({share:.1g} %)"


def _trials(now: Snapshot) -> int | None:
    budget, epochs = now.budget, now.settings.fidelity.epochs
    by_epochs = None if budget.max_epochs is None else math.ceil(budget.max_epochs / epochs)
    known = [count for count in (budget.max_trials, by_epochs) if count is not None]
    return min(known) if known else None


def _time(now: Snapshot) -> str:
    history, limit_s = now.history, now.budget.max_time_s
    spent, left = history.busy_s, _trials(now)
    at_most = "" if limit_s is None else f"at most {describe_duration(limit_s)}"
    if not history.epochs_spent or left is None:
        return at_most or "without a time limit"
    # Epochs, not trials: those that failed early took next to no time.
    needed = spent / history.epochs_spent * left * now.settings.fidelity.epochs
    if limit_s is not None and needed >= limit_s:
        return at_most
    return f"about {describe_duration(max(1, needed))} by what was measured so far"


_LINE = 88


def code_arguments(now: Snapshot) -> dict[str, Any]:
    """Returns what `Search` was given, or would have to be given, beyond space and data."""
    settings, budget = now.settings, now.settings.budget
    found: dict[str, Any] = {"strategy": settings.strategy.name}
    if options := changed_options(settings.strategy):
        found["strategy_options"] = options
    if settings.minimised:
        found["objective"] = [str(settings.objective.name), *settings.minimised]
    elif settings.objective.name != settings.data.usual_objective[0]:
        found["objective"] = str(settings.objective.name)
    found |= budget.arguments()
    usual_fidelity = dataclasses.asdict(Fidelity())
    given = dataclasses.asdict(settings.fidelity)
    found |= {name: value for name, value in given.items() if value != usual_fidelity[name]}
    if settings.seed:
        found["seed"] = settings.seed
    if settings.prior is not None:
        found["prior"] = folder_text(settings.prior.folder)
    if isinstance(settings.workers, int | str) and settings.workers != KERNEL:
        found["workers"] = settings.workers
    return found | ({"directory": folder_text(now.directory)} if is_chosen(now.directory) else {})


def changed_options(strategy: Strategy) -> dict[str, Any]:
    """Returns the options of a strategy that are not at their defaults."""
    if strategy.name not in STRATEGIES:
        return {}
    defaults = {field.name: field.default for field in dataclasses.fields(strategy)}
    return {n: value for n, value in strategy.options.items() if value != defaults.get(n)}


def python_text(now: Snapshot) -> str:
    """Returns the Python that makes this search of its space: `search = nas.Search(...)`."""
    written = [f"{name}={value!r}" for name, value in code_arguments(now).items()]
    if now.strategy.name not in STRATEGIES:
        written[0] = f"strategy={now.strategy.name}"
    data = f'nas.load("{now.data.name}")' if _is_ready(now.data.name) else "data"
    line = f"search = nas.Search({', '.join(['space', data, *written])})"
    if len(line) <= _LINE:
        return line
    body = "\n".join(f"    {argument}," for argument in ("space", data, *written))
    return f"search = nas.Search(\n{body}\n)"


def magic_text(now: Snapshot) -> str:
    """Returns the first line of the cell that makes this search: `%%nas search --data ...`."""
    words = ["%%nas", "search", "--data", now.data.name]
    for name, value in code_arguments(now).items():
        if name == "strategy_options":
            for option, chosen in value.items():
                words += ["--option", f"{option}={chosen}"]
        else:
            flag = f"--{name.replace('_', '-')}"
            text = ",".join(value) if isinstance(value, list) else str(value)
            words += [flag] if value is True else [flag, text]
    return " ".join(shlex.quote(word) if " " in word else word for word in words)


def _is_ready(name: str) -> bool:
    from nas_nb.data.datasets import DATASET_NAMES

    return name in DATASET_NAMES


_ARXIV = "https://arxiv.org/abs/"
_HELP: dict[str, tuple[str, str, str]] = {
    "auto": (
        "Picks for you: exhaustive grid, or a surrogate model, with or without early stopping of "
        "weak candidates.",
        *("", ""),
    ),
    "random": (
        "Samples architectures uniformly: the baseline that every other strategy has to beat.",
        *("Bergstra & Bengio, 2012", "https://www.jmlr.org/papers/v13/bergstra12a.html"),
    ),
    "grid": ("Trains every architecture, for spaces that are small enough.", "", ""),
    "greedy": (
        "Hill climbing: trains the neighbours of an architecture, and moves to the best of them.",
        *("", ""),
    ),
    "local_search": (
        "Hill climbing that moves to the first better neighbour, with random restarts.",
        *("White et al., 2021", f"{_ARXIV}2005.02960"),
    ),
    "evolution": (
        "Regularised evolution: mutates the best of a random tournament, and retires the oldest.",
        *("Real et al., 2019", f"{_ARXIV}1802.01548"),
    ),
    "nsga2": (
        "Multi-objective evolution: crosses and mutates the Pareto front of the score and a cost.",
        *("Deb et al., 2002", "https://doi.org/10.1109/4235.996017"),
    ),
    "reinforce": (
        "Policy gradient: samples from a policy that learns which choices score well; needs "
        "hundreds of trials.",
        *("Zoph & Le, 2017", f"{_ARXIV}1611.01578"),
    ),
    "predictor": (
        "Bayesian optimisation with a surrogate of architectures: predicts scores of many "
        "candidates, and trains the most promising.",
        *("White et al., 2021", f"{_ARXIV}1910.11858"),
    ),
    "successive_halving": (
        "Trains many architectures for few epochs, and promotes the best of each rung to more.",
        *("Jamieson & Talwalkar, 2016", f"{_ARXIV}1502.07943"),
    ),
    "hyperband": (
        "Successive halving in brackets that stop weak candidates early or late.",
        *("Li et al., 2018", f"{_ARXIV}1603.06560"),
    ),
    "asha": (
        "Asynchronous successive halving: promotes a candidate as soon as it is in the top of its "
        "rung.",
        *("Li et al., 2020", f"{_ARXIV}1810.05934"),
    ),
    "bohb": (
        "Hyperband whose candidates are drawn from a density of the good trials.",
        *("Falkner et al., 2018", f"{_ARXIV}1807.01774"),
    ),
    "one_shot": (
        "Weight sharing: trains one supernet, ranks candidates with its weights, and trains the "
        "best of them.",
        *("Guo et al., 2020", f"{_ARXIV}1904.00420"),
    ),
    "darts": (
        "Differentiable search: learns mixing weights of all options by gradient descent, and "
        "trains what wins.",
        *("Liu et al., 2019", f"{_ARXIV}1806.09055"),
    ),
    "bayesian": (
        "Bayesian optimisation with a Gaussian process and a confidence bound, for few numeric "
        "parameters.",
        *("Srinivas et al., 2010", f"{_ARXIV}0912.3995"),
    ),
    "tpe": (
        "Tree-structured Parzen estimator: samples where good trials are denser than bad ones.",
        *(
            "Bergstra et al., 2011",
            "https://papers.nips.cc/paper/2011/hash/86e8f7ab32cfd12577bc2619bc635690-Abstract.html",
        ),
    ),
    "cma_es": (
        "Covariance matrix adaptation: samples from a normal distribution fitted to the best "
        "trials, for numeric parameters.",
        *("Hansen, 2016", f"{_ARXIV}1604.00772"),
    ),
}


def about(strategy: Strategy) -> str:
    """Returns what a strategy does as HTML; of the user's own, what its docstring says first."""
    own = (inspect.getdoc(getattr(strategy, "function", strategy)) or "").split("\n\n")[0]
    text, paper, address = _HELP.get(strategy.name, (own, "", ""))
    link = f' <a href="{address}" target="_blank" rel="noopener">{html.escape(paper)}</a>.'
    return f"{html.escape(f'{strategy.name}: {text}')}{link if paper else ''}"
