"""Small conditional domains to test with, and their points the slow, certain way."""

from __future__ import annotations

import itertools
from typing import Any

import hypothesis.strategies as st

from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind


def choice(name: str, *values: Any, on: tuple[tuple[str, tuple[Any, ...]], ...] = ()) -> Parameter:
    conditions = tuple(Condition(parent, wanted) for parent, wanted in on)
    return Parameter(name, ParameterKind.CHOICE, choices=values, conditions=conditions)


def fixed(name: str, value: Any, on: tuple[tuple[str, tuple[Any, ...]], ...] = ()) -> Parameter:
    conditions = tuple(Condition(parent, wanted) for parent, wanted in on)
    return Parameter(name, ParameterKind.FIXED, choices=(value,), conditions=conditions)


def number(kind: ParameterKind, low: float, high: float, **options: Any) -> Parameter:
    return Parameter("n", kind, low=low, high=high, **options)


TREE = Domain(
    (
        choice("model", "mlp", "cnn"),
        choice("layers", 1, 2, on=(("model", ("mlp",)),)),
        choice("units", 8, 16, 32, on=(("model", ("mlp",)),)),
        choice("units", 4, 8, on=(("model", ("cnn",)),)),
        choice("pool", "max", "none", on=(("model", ("cnn",)),)),
        Parameter(
            "size",
            ParameterKind.INT,
            low=2,
            high=3,
            conditions=(Condition("model", ("cnn",)), Condition("pool", ("max",))),
        ),
    )
)
"""A name in two branches, and a branch in a branch: 6 + 2 * (2 + 1) = 12 points."""


@st.composite
def conditional_domains(draw: st.DrawFn) -> Domain:
    """Up to six parameters of up to three values, conditional on earlier ones, names shared."""
    parameters: list[Parameter] = []
    for position in range(draw(st.integers(1, 6))):
        shared = draw(st.sampled_from([None, None, *parameters]))
        name = shared.name if shared else f"p{position}"
        earlier = sorted({p.name for p in parameters if p.name != name})
        parents = draw(
            st.lists(st.sampled_from(earlier), max_size=2, unique=True) if earlier else st.just([])
        )
        conditions = tuple(
            Condition(
                parent,
                tuple(
                    draw(st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=2, unique=True))
                ),
            )
            for parent in parents
        )
        values = shared.choices if shared else tuple(range(draw(st.integers(1, 3))))
        kind = ParameterKind.CHOICE if len(values) > 1 else ParameterKind.FIXED
        parameters.append(Parameter(name, kind, choices=values, conditions=conditions))
    return Domain(tuple(parameters))


def brute_force(domain: Domain) -> set[tuple[tuple[str, Any], ...]]:
    """Returns the points of a small domain, by trying every value of every parameter."""
    points = set()
    for assignment in itertools.product(*(tuple(p.values()) for p in domain.parameters)):
        point: dict[str, Any] = {}
        for parameter, value in zip(domain.parameters, assignment, strict=True):
            active = all(
                c.parent in point and point[c.parent] in c.values for c in parameter.conditions
            )
            if active and parameter.name not in point:
                point[parameter.name] = value
        points.add(tuple(point.items()))
    return points
