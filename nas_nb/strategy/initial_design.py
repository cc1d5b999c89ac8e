"""The first architectures of a search, and the prior that choices' names give."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING, cast

import numpy as np

from nas_nb.space.encoding import size_of
from nas_nb.strategy.base import sample_new

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

_POOL = 32
_QUANTILE = 0.75
_LIKELY = 4
_NEAR = 24
_LOOKS = 3000
_CLOSE = 1.0

Worth = Callable[["Values"], float]


def first_candidate(
    domain: Domain, history: History, rng: np.random.Generator, belief: Prior
) -> dict[str, Value]:
    """Returns an architecture of a size that is likely to be good and can be afforded."""
    # Of a random pool it is the one at the upper quartile of MACs (or parameters): on the
    # published tables better than two of three architectures, at half the cost of the largest.
    # Where the space knows no sizes, it is the one of the highest prior.
    pool = [sample_new(domain, history, rng) for _ in range(_POOL)]
    sizes = [size_of(domain, values) for values in pool]
    if None not in sizes:
        order = np.argsort(np.array(sizes, dtype=np.float64), kind="stable")
        start = pool[int(order[int(_QUANTILE * _POOL)])]
        best = _climbed(domain, start, belief.log_density) if belief else start
    else:
        start = max(pool, key=belief.first_guess)
        best = _climbed(domain, start, belief.first_guess)
    return start if history.has_tried(best) else best


def _climbed(domain: Domain, start: dict[str, Value], worth: Worth) -> dict[str, Value]:
    """Returns the end of a hill climb by single changes that keep the size, if it is known."""
    size, best, looks = size_of(domain, start), start, 0
    while looks < _LOOKS:
        around = domain.neighbours(best)
        # A layer that joins has its default width: see also what it is worth with another.
        joined = (near for near in around if not near.keys() <= best.keys())
        around += [further for near in joined for further in domain.neighbours(near)]
        looks += len(around)
        same_size = (near for near in around if size_of(domain, near) == size)
        better = max(same_size, key=worth, default=best)
        if worth(better) <= worth(best):
            break
        best = better
    return best


def unlike_candidate(
    domain: Domain, history: History, belief: Prior, around: Values
) -> dict[str, Value] | None:
    """Returns a neighbour that makes choices of other names than any trial so far, or None."""
    # Mostly it has a layer more or less, which another width can't stand for.
    centre = domain.canonical(around)
    known = {_names(domain, trial.values) for trial in history.trials} | {frozenset(centre)}
    steps = (near for near in domain.neighbours(centre) if frozenset(near) not in known)
    joined = (_joined(domain, near, centre, belief.log_density) for near in steps)
    unlike = [values for values in joined if frozenset(values) not in known]
    # Of equals it is the last one: a layer nearer to the output is mostly cheaper.
    best = max(reversed(unlike), key=lambda one: round(belief.log_density(one), 9), default=None)
    if best is None or belief.log_density(best) < belief.log_density(centre) - _CLOSE:
        return None
    return best


def _names(domain: Domain, values: Values) -> frozenset[str]:
    return frozenset(domain.canonical(values) if domain.contains(values) else values)


def _joined(
    domain: Domain, near: dict[str, Value], centre: Values, worth: Worth
) -> dict[str, Value]:
    """Returns a neighbour of the centre with the choices that joined set to be worth most."""
    while True:
        around = domain.neighbours(near)
        free = (v for v in around if all(v.get(n) == near.get(n) for n in centre))
        better = max(free, key=worth, default=near)
        if worth(better) <= worth(near):
            return near
        near = better


def likely_candidate(
    domain: Domain, history: History, rng: np.random.Generator, belief: Prior
) -> dict[str, Value]:
    """Returns the untried draw of the highest prior among four."""
    if not belief:
        return sample_new(domain, history, rng)
    draws = [sample_new(domain, history, rng) for _ in range(_LIKELY)]
    return max(draws, key=belief.log_density)


def near_candidate(
    domain: Domain, history: History, rng: np.random.Generator, belief: Prior, around: Values
) -> dict[str, Value] | None:
    """Returns an untried architecture, at most two choices away, or None if no draw is new."""
    # It makes the same choices as `around`, so that it can mostly reuse the trace compiled for it.
    mutants = (domain.mutate(domain.mutate(around, rng), rng) for _ in range(_NEAR))
    alike = (values for values in mutants if values.keys() == around.keys())
    draws = [values for values in alike if not history.has_tried(values)]
    return max(draws[:_LIKELY], key=belief.log_density, default=None)


Doubt = Callable[["Value"], float]
"""How many standard deviations a value is from the prior's best."""

Gain = Callable[["Value"], float]
"""The log-density of a value, relative to that of a random draw."""

Gains = dict[str, dict["Parameter", Gain]]

_LISTED = 32
_TABLED = 4096
_HOPELESS = 10.0

LEARNING_RATE, DECADES = 3e-3, 0.5
"""Between Keras's default for Adam, 0.001 for long trainings, and 0.01, which a few epochs need."""

STEP, SLOWEST, FASTEST = 0.12, 3e-4, 1e-2
"""What Adam's rate is in one step, and its limits; it falls with the root of the steps."""

SHORT = 5_000
"""Gradient steps below which a training is short: it has to learn fast, and hardly overfits."""

DROPOUT, DROPOUT_APART = 0.1, 0.25
"""Of a long training; shorter ones need less."""

SIZE, SIZE_AT_ONCE, SIZE_APART = 0.75, 0.9, 0.35
"""From the smallest (0) to the largest (1) width; with few steps near `SIZE_AT_ONCE`, since wide
nets learn more in a step (`bench_layers`)."""

DEPTH, HEAD_DEPTH = 0.5, 0.0
"""Likewise of layers. Convolutions need no hidden dense layer behind them (`bench_layers`)."""

_LEARNING_RATE = re.compile(r"(^|_)(learning_rate|lr)(_|$)", re.IGNORECASE)
_DROPOUT = re.compile(r"(^|_)dropout", re.IGNORECASE)
_FEW = 20
_DEPTH = re.compile(r"(^|_)(layers|depth|blocks|convolutions|convs|dense)$", re.IGNORECASE)
_HEAD = re.compile(r"(^|_)dense(_layers)?$", re.IGNORECASE)
_CONVOLVES = re.compile(r"(^|_)(conv(s|olution(s|al)?)?|filters)(_|$|\d)", re.IGNORECASE)
_SIZE = re.compile(r"(^|_)(units|filters|width|channels|neurons|hidden)(_|$|\d)", re.IGNORECASE)
_OPTIMIZER = re.compile(r"(^|_)optimizer(_|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Prior:
    """A density over a space that says where good architectures are likely, by choices' names."""

    # Choices are independent and normal on their own scale. Where a space has convolutions, no
    # hidden dense layer is preferred; compare Springenberg, Dosovitskiy, Brox & Riedmiller,
    # Striving for Simplicity, ICLR workshop 2015. For T gradient steps the learning rate is near
    # 0.12 / sqrt(T), as the best constant rate of stochastic gradient descent falls (Nemirovski,
    # Juditsky, Lan & Shapiro, SIAM J. Optim. 2009, section 2.2); 0.12 is Adam's on small nets
    # (`bench_learning_rate`). The fewer the steps, the less dropout, which makes training two or
    # three times as long (Srivastava et al., JMLR 2014, section 11), and the wider the layers:
    # larger nets get as far in fewer steps (Kaplan et al., Scaling Laws for Neural Language
    # Models, 2020, figure 2).

    domain: Domain
    steps: int | None = None

    @cached_property
    def _gains(self) -> Gains:
        free = [p for p in self.domain.parameters if p.count > 1]
        convolves = any(_CONVOLVES.search(p.name) for p in free)
        doubts = {p: _doubt(p, self.steps, convolves) for p in free}
        return _by_name({p: _gain(p, doubt) for p, doubt in doubts.items() if doubt})

    @cached_property
    def _middles(self) -> Gains:
        """Numbers that the prior doesn't know, with their middle as the best guess."""
        known = {p for told in self._gains.values() for p in told}
        unknown = [p for p in self.domain.parameters if p.count > 1 and p not in known]
        places = {p: _gain(p, _place(p, 0.5, 0.5)) for p in unknown if _is_number(p)}
        return _by_name(places)

    @cached_property
    def _shared(self) -> frozenset[str]:
        """The names of several ranges; conditions tell which one is meant."""
        ranges = {(p.name, replace(p, conditions=())) for p in self.domain.parameters}
        names = [name for name, _ in ranges]
        return frozenset(name for name in names if names.count(name) > 1)

    def __bool__(self) -> bool:
        """Whether it knows any choice of the space."""
        return bool(self._gains)

    def log_density(self, values: Values) -> float:
        """Returns the log-density at a point, relative to that of a random draw."""
        # An inactive choice counts 0, as a random one: a layer left out is not better for that.
        return self._sum(self._gains, values)

    def first_guess(self, values: Values) -> float:
        """Returns the log-density, with unknown numbers best at their middle."""
        return self._sum(self._gains, values) + self._sum(self._middles, values)

    def _sum(self, gains: Gains, values: Values) -> float:
        total, shared = 0.0, self._shared
        for name, told in gains.items():
            if name not in values:
                continue
            gain = self._meant(name, told, values) if name in shared else next(iter(told.values()))
            total += gain(values[name]) if gain is not None else 0.0
        return total

    def _meant(self, name: str, told: dict[Parameter, Gain], values: Values) -> Gain | None:
        owner = next(p for p in self.domain.active(values) if p.name == name)
        return told.get(owner)


def likely_rate(steps: int | None) -> float:
    """Returns the most likely learning rate for a number of gradient steps."""
    return LEARNING_RATE if steps is None else min(max(STEP / steps**0.5, SLOWEST), FASTEST)


def likely_dropout(steps: int | None) -> float:
    """Returns the most likely dropout for a number of gradient steps."""
    return DROPOUT * _length(steps)


def likely_size(steps: int | None) -> float:
    """Returns the most likely width, from the smallest (0) to the largest (1)."""
    return SIZE_AT_ONCE + (SIZE - SIZE_AT_ONCE) * _length(steps)


def _length(steps: int | None) -> float:
    """Returns how long a training is, 0 to 1; an unknown number of steps counts as long."""
    return 1.0 if steps is None else min(1.0, steps / SHORT)


def _by_name(gains: dict[Parameter, Gain]) -> Gains:
    named: Gains = {}
    for parameter, gain in gains.items():
        named.setdefault(parameter.name, {})[parameter] = gain
    return named


def _gain(parameter: Parameter, doubt: Doubt) -> Gain:
    """Returns the log-density of a parameter, relative to that of a random draw."""
    few = parameter.choices or parameter.count <= _LISTED
    logs = [
        -0.5 * doubt(value) ** 2 for value in (parameter.values() if few else _spread(parameter))
    ]
    most = max(logs)
    chance = most + math.log(fmean(math.exp(log - most) for log in logs))
    if parameter.count > _TABLED:
        return lambda value: -0.5 * doubt(value) ** 2 - chance
    return {value: -0.5 * doubt(value) ** 2 - chance for value in parameter.values()}.__getitem__


def _spread(parameter: Parameter) -> Iterator[Value]:
    line = parameter.range.off_grid
    return (line.from_unit((step + 0.5) / _LISTED) for step in range(_LISTED))


def _doubt(parameter: Parameter, steps: int | None, convolves: bool) -> Doubt | None:
    """Returns how many deviations a value is from the prior's best; None if it knows none."""
    name = parameter.name
    if _OPTIMIZER.search(name):
        return lambda value: 0.0 if str(value).lower().startswith(("adam", "nadam")) else 1.0
    if not _is_number(parameter):
        return None
    if _LEARNING_RATE.search(name):
        rate = likely_rate(steps)
        return lambda value: _decades_away(cast("float", value), rate)
    if _DROPOUT.search(name):
        dropout = likely_dropout(steps)
        return lambda value: (cast("float", value) - dropout) / DROPOUT_APART
    if _DEPTH.search(name) and _largest(parameter) <= _FEW:
        is_head = convolves and _HEAD.search(name)
        return _place(parameter, HEAD_DEPTH if is_head else DEPTH, SIZE_APART)
    return _place(parameter, likely_size(steps), SIZE_APART) if _SIZE.search(name) else None


def _is_number(parameter: Parameter) -> bool:
    first = parameter.choices[0] if parameter.choices else parameter.low
    return not isinstance(first, str | bool)


def _largest(parameter: Parameter) -> float:
    """The largest value: no net has hundreds of layers, so such a range counts units."""
    return cast("float", max(parameter.choices) if parameter.choices else parameter.high)


def _decades_away(value: float, rate: float) -> float:
    return math.log10(value / rate) / DECADES if value > 0 else _HOPELESS


def _place(parameter: Parameter, likely: float, apart: float) -> Doubt:
    """Returns how far a value is from a place between the smallest (0) and the largest (1)."""
    if parameter.choices:
        ranked = sorted(parameter.choices)
        place = {value: rank / (len(ranked) - 1) for rank, value in enumerate(ranked)}
        return lambda value: (place[value] - likely) / apart
    line = parameter.range.off_grid
    return lambda value: (line.to_unit(cast("float", value)) - likely) / apart
