"""Small spaces with made-up scores, and a plain loop over an oracle: no model is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import keras_tuner as kt
import numpy as np

from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.oracles.trial_recorder import TrialRecorder
from nas_nb.record.events import Event
from nas_nb.record.history import History, fold
from nas_nb.record.journal import Journal
from nas_nb.record.trial import Outcome, Values, values_key
from nas_nb.space.domain import Domain
from nas_nb.space.hyperparameters import from_hyperparameters
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from nas_nb.spaces.nasbench201 import NasBench201Domain, nasbench201_parameters
from nas_nb.spaces.ready_space import Skeleton
from nas_nb.strategy.base import Strategy
from nas_nb.strategy.weight_sharing import score_pool

MAXIMISE = kt.Objective("quality", "max")
MINIMISE = kt.Objective("quality", "min")

Score = Callable[[Values], float]


def choice(name: str, *values: Any, when: tuple[Condition, ...] = ()) -> Parameter:
    return Parameter(name, ParameterKind.CHOICE, values, conditions=when)


def architecture(values: Values) -> dict[str, Any]:
    """The values without what an oracle adds for the tuner."""
    return {name: value for name, value in values.items() if not name.startswith("tuner/")}


def layered(most: int) -> Domain:
    """So many layers at most, each with its own width, by names that a belief knows."""
    layers = Parameter("num_layers", ParameterKind.INT, low=1, high=most)
    deep = [(Condition("num_layers", tuple(range(n, most + 1))),) for n in range(1, most + 1)]
    widths = [choice(f"units_{n}", 8, 16, 32, 64, when=deep[n - 1]) for n in range(2, most + 1)]
    return Domain((layers, choice("units_1", 8, 16, 32, 64), *widths))


def chain() -> Domain:
    """Up to three layers, each with its own kind and width: finite and conditional."""
    parameters = [choice("depth", 1, 2, 3)]
    for layer in (1, 2, 3):
        deep_enough = (Condition("depth", tuple(range(layer, 4))),)
        parameters.append(choice(f"layer_{layer}", "Conv2D", "Dense", when=deep_enough))
        parameters.append(choice(f"units_{layer}", 32, 64, 128, when=deep_enough))
    return Domain(tuple(parameters))


def mixed() -> Domain:
    """Every kind of parameter, some of them continuous and conditional: infinite."""
    if_trained = (Condition("train", (True,)),)
    rates = {"low": 1e-4, "high": 0.1, "log": True}
    return Domain(
        (
            Parameter("width", ParameterKind.INT, low=4, high=512, log=True),
            Parameter("dropout", ParameterKind.FLOAT, low=0.0, high=0.5),
            Parameter("train", ParameterKind.BOOLEAN),
            Parameter("rate", ParameterKind.FLOAT, **rates, conditions=if_trained),
            Parameter("loss", ParameterKind.FIXED, ("mse",)),
        )
    )


def twelve() -> Domain:
    """Twelve points: an optimizer alone, or one with a rate; three widths each."""
    return Domain(
        (
            choice("optimizer", "adam", "sgd"),
            choice("rate", 0.1, 0.01, 0.001, when=(Condition("optimizer", ("sgd",)),)),
            choice("units", 8, 16, 32),
        )
    )


def cells() -> Domain:
    """Cells of two operations, some of them isomorphic, with sizes that the space knows."""
    operations = ("skip_connect", "nor_conv_3x3")
    parameters = nasbench201_parameters(4, operations)
    return NasBench201Domain(parameters, skeleton=Skeleton(cells=1, width=4, stages=2)).distinct


def function() -> Domain:
    """What a KerasTuner build(hp) function asks for."""
    hp = kt.HyperParameters()
    for layer in range(1, hp.Int("layers", 1, 2) + 2):
        with hp.conditional_scope("layers", list(range(layer, 3))):
            hp.Int(f"units_{layer}", 8, 64, step=8)
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Boolean("norm")
    return from_hyperparameters(hp)


DOMAINS: dict[str, Callable[[], Domain]] = {
    "chain": chain,
    "mixed": mixed,
    "twelve": twelve,
    "cells": cells,
    "function": function,
}


def quality(values: Values) -> float:
    """A made-up score: a smooth function of the numbers, and an offset for each word."""
    total = 0.0
    for name, value in values.items():
        weight = 1 + sum(map(ord, name)) % 5
        if isinstance(value, str):
            total += weight * len(value)
        else:
            total += weight * math.cos(math.log(1e-6 + float(value)))
    return total


def answer(oracle: StrategyOracle, trial: Any, score: float | Exception) -> None:
    """Reports one result as a tuner would."""
    if isinstance(score, Exception):
        trial.status, trial.message = "INVALID", f"{type(score).__name__}: {score}"
    else:
        oracle.update_trial(trial.trial_id, {oracle.objective.name: score})
        trial.status = "COMPLETED"
    oracle.end_trial(trial)


@contextmanager
def a_second_each() -> Iterator[None]:
    """Every trial takes a second: what goes by seconds is the same each time."""
    end = TrialRecorder.end

    def timed(recorder: TrialRecorder, number: int, outcome: Outcome) -> None:
        end(recorder, number, replace(outcome, duration_s=1.0))

    with patch.object(TrialRecorder, "end", timed):
        yield


def run(oracle: StrategyOracle, score: Callable[[Values], Any] = quality) -> list[dict[str, Any]]:
    """Drives an oracle to its end, as a plain loop; returns the values it handed out."""
    handed_out = []
    with a_second_each():
        while (trial := oracle.create_trial("loop")).status == "RUNNING":
            handed_out.append(architecture(trial.hyperparameters.values))
            answer(oracle, trial, score(handed_out[-1]))
    return handed_out


def early(values: Values, epochs: int) -> float:
    """The same score after so many epochs: nearer to the final one, the longer it trains."""
    blur = sum(map(ord, values_key(values))) % 7 - 3
    return quality(values) + blur / epochs


def train(
    oracle: StrategyOracle, score: Callable[[Values, int], Any] = early, trials: int = 1000
) -> list[tuple[dict[str, Any], int]]:
    """Drives an oracle as a tuner does that trains for the epochs it is told, from the parent's.

    Returns:
        The values and the epochs in all of each trial.
    """
    handed_out: list[tuple[dict[str, Any], int]] = []
    while len(handed_out) < trials and (trial := oracle.create_trial("loop")).status == "RUNNING":
        told = trial.hyperparameters.values
        handed_out.append((architecture(told), told["tuner/epochs"]))
        answer(oracle, trial, score(*handed_out[-1]))
    return handed_out


def journal_of(events: Iterable[Event]) -> Journal:
    """A journal in memory that already holds these events, as one that was opened from disk."""
    journal = Journal.in_memory()
    journal.history = fold(events)
    return journal


class Recorder(Journal):
    """A journal in memory that keeps its events.

    Args:
        strategy: If it learns from data before the first trial, what it would have learned
            follows as soon as the search is opened.
    """

    def __init__(self, strategy: Strategy | None = None) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.strategy = strategy

    def append(self, kind: Any, /, **fields: Any) -> Event:
        event = super().append(kind, **fields)
        self.events.append(event)
        if kind == "search_opened" and self.strategy and self.strategy.needs_data:
            mixes = self.strategy.name == "darts"
            learned = mixture(self.strategy) if mixes else rated(self.strategy, self.history)
            self.append("prepared", strategy=self.strategy.name, **learned)
        return event


def mixture(strategy: Strategy) -> dict[str, Any]:
    """What `darts` writes after its last epoch, if it prefers the first options a little."""
    options = {p.name: p.values() for p in strategy.domain.parameters if isinstance(p.count, int)}
    mixing = {name: [[v, 1 / (9 + n)] for n, v in enumerate(own)] for name, own in options.items()}
    epochs = strategy.options["epochs"]
    detail = {"epoch": epochs, "epochs": epochs, "options": strategy.options, "mixing": mixing}
    return {"what": "mixing", "detail": detail}


def rated(strategy: Strategy, history: History) -> dict[str, Any]:
    """What `one_shot` writes after its training, with scores that lean to the true ones."""
    sign = 1.0 if history.direction == "max" else -1.0
    pool = score_pool(strategy.domain, _blurred, 8, sign, rng(history.seed)) or []
    candidates = [list(pair) for pair in pool]
    return {"what": "scores", "detail": {"options": strategy.options, "candidates": candidates}}


def _blurred(values: Values) -> float:
    return quality(values) + 3 * (early(values, 1) - quality(values))


def told(scores: list[tuple[Values, float | None]], direction: str = "max") -> History:
    """A history of trials that ended with these scores, None for a failure."""
    history = History()
    opened = {"objective": "quality", "direction": direction, "seed": 0}
    history.apply({"event": "search_opened", "time": 0.0, **opened})
    for number, (values, score) in enumerate(scores):
        status = "failed" if score is None else "completed"
        for event in (
            {"event": "trial_proposed", "values": dict(values), "origin": "user"},
            {"event": "trial_started"},
            {"event": "trial_ended", "status": status, "score": score},
        ):
            history.apply({"time": 0.0, "trial": number, **event})
    return history


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)
