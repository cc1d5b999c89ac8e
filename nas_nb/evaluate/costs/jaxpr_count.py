"""The multiply-adds of anything that JAX can trace, from the products in its expression."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any


def products(function: Callable[..., Any], signature: Sequence[tuple[Any, str]]) -> dict[str, int]:
    """Traces a function once, and counts its multiply-adds.

    Args:
        function: Takes tensors of these shapes and types.
        signature: Shape and type of each.

    Returns:
        The multiply-adds by primitive; a primitive that loops or branches, so that its products
        can't be counted, has -1.
    """
    import jax

    structs = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in signature]
    counted: dict[str, int] = {}
    for equation in _equations(jax.make_jaxpr(function)(*structs).jaxpr):
        name = equation.primitive.name
        if name in _OPAQUE:
            return {name: -1}
        if name in _PRODUCTS:
            counted[name] = counted.get(name, 0) + _PRODUCTS[name](equation)
    return counted


def _equations(jaxpr: Any) -> Iterator[Any]:
    """Yields what is computed, also inside of functions that are called."""
    for equation in jaxpr.eqns:
        yield equation
        if equation.primitive.name in _OPAQUE:
            continue
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from _equations(inner)


def _shape(variable: Any) -> tuple[int, ...]:
    return tuple(variable.aval.shape)


def _dot(equation: Any) -> int:
    (summed, _), _ = equation.params["dimension_numbers"]
    left = _shape(equation.invars[0])
    each: int = math.prod(left[axis] for axis in summed)
    return math.prod(_shape(equation.outvars[0])) * each


def _convolution(equation: Any) -> int:
    numbers = equation.params["dimension_numbers"]
    values, kernel = (_shape(variable) for variable in equation.invars[:2])
    made = math.prod(_shape(equation.outvars[0]))
    outputs, inputs = (int(kernel[axis]) for axis in numbers.rhs_spec[:2])
    each = math.prod(kernel) // outputs  # products for one number made
    if math.prod(equation.params["lhs_dilation"]) == 1:
        return made * each
    # A transposed convolution: every input meets the whole kernel, and no zero between them does.
    return math.prod(values) * math.prod(kernel) // inputs


_PRODUCTS = {"dot_general": _dot, "conv_general_dilated": _convolution}
_OPAQUE = ("cond", "scan", "while")
