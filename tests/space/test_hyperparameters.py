from __future__ import annotations

import keras_tuner as kt
import numpy as np
import pytest
from hypothesis import given, settings

from nas_nb.errors import SpaceError
from nas_nb.space.domain import Domain
from nas_nb.space.hyperparameters import from_hyperparameters, to_hyperparameters
from nas_nb.space.parameter import Parameter, ParameterKind
from tests.space.domains import TREE, choice, conditional_domains, fixed


@given(conditional_domains())
@settings(max_examples=100, deadline=None)
def test_round_trip_keeps_the_domain(domain: Domain) -> None:
    assert from_hyperparameters(to_hyperparameters(domain)) == domain


def test_round_trip_keeps_every_kind() -> None:
    def numbers(name: str, kind: ParameterKind, low: float, **options: object) -> Parameter:
        return Parameter(name, kind, low=low, high=64, **options)  # type: ignore[arg-type]

    domain = Domain(
        (
            choice("c", "a", "b"),
            Parameter("o", ParameterKind.CHOICE, choices=(1, 2, 3), ordered=False, default=2),
            Parameter("b", ParameterKind.BOOLEAN, default=True),
            fixed("f", 0.5),
            numbers("i", ParameterKind.INT, 2, step=2, default=4),
            numbers("il", ParameterKind.INT, 2, step=2, log=True),
            numbers("ir", ParameterKind.INT, 2, log=True, reverse=True),
            numbers("x", ParameterKind.FLOAT, 0.0, step=0.5),
            numbers("xl", ParameterKind.FLOAT, 0.1, log=True, default=1.5),
        )
    )
    assert from_hyperparameters(to_hyperparameters(domain)) == domain


def test_defaults_of_active_parameters_are_set() -> None:
    assert to_hyperparameters(TREE).values == TREE.complete({})


def test_conditional_scopes_become_conditions() -> None:
    hp = kt.HyperParameters()
    hp.Choice("model", ["mlp", "cnn"])
    with hp.conditional_scope("model", ["cnn"]), hp.name_scope("conv"):
        hp.Int("size", 3, 7, step=2)
    domain = from_hyperparameters(hp)
    assert domain.names == ("model", "conv/size")
    assert domain.size == 1 + 3
    assert domain.canonical({"model": "mlp", "conv/size": 3}) == {"model": "mlp"}


def test_what_kerastuner_samples_is_in_the_domain() -> None:
    hp = kt.HyperParameters()
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Float("dropout", 0, 0.5, step=0.1)
    hp.Float("momentum", 0.5, 0.99, sampling="reverse_log")
    hp.Int("units", 8, 128, step=2, sampling="log")
    hp.Int("width", 10, 1000, sampling="log")
    domain = from_hyperparameters(hp)
    for seed in range(300):
        values = {p.name: p.random_sample(seed) for p in hp.space}
        assert domain.contains(values), values


def test_what_we_sample_is_taken_by_kerastuner() -> None:
    rng = np.random.default_rng(0)
    hp = to_hyperparameters(TREE)
    for _ in range(20):
        hp.values = TREE.sample(rng)
        assert hp.get("model") in ("mlp", "cnn")
        assert [hp.is_active(p) for p in hp.space].count(True) == len(hp.values)


def test_value_given_twice_is_taken_once() -> None:
    hp = kt.HyperParameters()
    hp.Choice("units", [8, 8, 16])
    assert from_hyperparameters(hp).size == 2


def test_foreign_parameter_is_refused() -> None:
    class Permutation(kt.engine.hyperparameters.HyperParameter):
        pass

    hp = kt.HyperParameters()
    hp.space.append(Permutation("order"))
    with pytest.raises(SpaceError, match=r"'order' .of type Permutation.\. Use hp\.Choice"):
        from_hyperparameters(hp)
