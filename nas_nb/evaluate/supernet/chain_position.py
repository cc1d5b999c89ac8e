"""One place of a chain in the supernet: every layer that may stand there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from nas_nb.evaluate.supernet.layers import (
    Call,
    FlatProduct,
    Norm,
    Product,
    activation,
    dropped,
    pooled,
)
from nas_nb.evaluate.supernet.selection import Mixture, Path
from nas_nb.space.chain_model import POOL_SIZE, SMALLEST_POOLED

if TYPE_CHECKING:
    from nas_nb.evaluate.supernet.choice import Choices
    from nas_nb.evaluate.supernet.weights import Weights

Grid = tuple[int, ...]


@dataclass(frozen=True)
class Inflow:
    """What comes into a place.

    Attributes:
        name: The choice of its width; None for the samples themselves.
        width: How many channels or units it has.
        most: How many it may have.
    """

    name: str | None
    width: Any
    most: int


class ChainPosition:
    """The layers that may stand at one place of a chain, with their weights.

    Args:
        choices: The choices of the space.
        weights: Where weights are made.
        number: The place, from 1.
        inflow: The most channels or units that come in.
        grid: The sides of what comes in while no dense layer has flattened it; empty if it is flat.
        convolves: Whether a convolution may stand here.
    """

    def __init__(
        self,
        choices: Choices,
        weights: Weights,
        number: int,
        inflow: int,
        grid: Grid,
        convolves: bool,
        dense_before: bool,
        dense_here: bool,
    ) -> None:
        self.choices, self.number, self.grid = choices, number, grid
        self.units = f"units_{number}"
        most = int(choices[self.units].top)
        self.shrinks = bool(grid) and min(grid) >= SMALLEST_POOLED
        place = f"layer_{number}"
        self.convolution = self.entry = self.dense = None
        shortcut = "skip" in choices and True in choices["skip"].values
        self._shortcuts: dict[str, Any] = {}
        if convolves:
            side = max(self._sides())
            window = (side,) * len(grid)
            self.convolution = Product(weights, f"{place}.convolution", *window, inflow, most)
            if shortcut:
                one = (1,) * len(grid)
                name = f"{place}.convolution_past"
                self._shortcuts["convolution"] = Product(weights, name, *one, inflow, most)
        if dense_here:
            pixels = math.prod(grid)
            self.entry = FlatProduct(weights, f"{place}.entry", pixels, inflow, most)
            if shortcut:
                name = f"{place}.entry_past"
                self._shortcuts["entry"] = FlatProduct(weights, name, pixels, inflow, most)
        if dense_before:
            self.dense = Product(weights, f"{place}.dense", inflow, most)
            if shortcut:
                name = f"{place}.dense_past"
                self._shortcuts["dense"] = Product(weights, name, inflow, most)
        self._norms = self._make_norms(weights, place, most)

    def _make_norms(self, weights: Weights, place: str, most: int) -> dict[tuple[str, str], Norm]:
        roles = ("convolution", "entry", "dense")
        return {
            (role, kind): Norm(weights, f"{place}.{role}_{kind}", most)
            for role in roles
            if getattr(self, role) is not None
            for kind in self._values("normalization", "none")
            if kind != "none"
        }

    @property
    def after(self) -> Grid:
        """The sides of what a convolution here leaves."""
        if not self.shrinks or self._values("pooling", "max") == ("none",):
            return self.grid
        return tuple(side // POOL_SIZE for side in self.grid)

    def norm(self, role: str, kind: str) -> Norm:
        """Returns the normalisation of a layer: of a "convolution", an "entry" or a "dense"."""
        return self._norms[role, kind]

    def shortcut(self, role: str) -> Any:
        """Returns the layer past a layer."""
        return self._shortcuts[role]

    def convolve(self, how: Path | Mixture, x: Any, inflow: Inflow, call: Call) -> Any:
        """Returns what the place makes of a grid, ``(samples, ..., units)``."""
        layer = self.convolution
        if layer is None:
            raise ValueError("no convolution may stand here")
        units = how.width(self.units)
        sides = self._sides()

        def window(side: int) -> Any:
            return lambda: layer(x, inflow.width, units, side)

        name = f"kernel_size_{self.number}"
        made = how.select(name, [window(side) for side in sides])
        made = self._finish(how, "convolution", made, inflow, x, call)
        if self.shrinks:
            ways = self._values("pooling", "max")
            made = how.select("pooling", [partial(pooled, made, str(way)) for way in ways])
        return self._drop(how, made, call)

    def enter(self, how: Path | Mixture, x: Any, inflow: Inflow, call: Call) -> Any:
        """Returns what the first dense layer makes of a grid, ``(samples, units)``."""
        return self._made_of_units(self.entry, "entry", how, x, inflow, call)

    def go_on(self, how: Path | Mixture, x: Any, inflow: Inflow, call: Call) -> Any:
        """Returns what a further dense layer makes of units, ``(samples, units)``."""
        return self._made_of_units(self.dense, "dense", how, x, inflow, call)

    def _made_of_units(
        self,
        layer: FlatProduct | Product | None,
        role: str,
        how: Path | Mixture,
        x: Any,
        inflow: Inflow,
        call: Call,
    ) -> Any:
        if layer is None:
            raise ValueError(f"no dense layer may stand here as {role}")
        made = layer(x, inflow.width, how.width(self.units))
        return self._drop(how, self._finish(how, role, made, inflow, x, call), call)

    def _finish(
        self, how: Path | Mixture, role: str, x: Any, inflow: Inflow, given: Any, call: Call
    ) -> Any:
        """Returns sums after normalisation, activation and what goes past the layer."""
        normal = how.select("normalization", self._normalisations(role, x, call))
        names = self._values(f"activation_{self.number}", "linear")
        made = how.select(
            f"activation_{self.number}",
            [partial(activation(str(name)), normal) for name in names],
        )
        if role in self._shortcuts:
            made = how.select("skip", self._skips(how, role, made, inflow, given))
        return how.masked(self.units, made)

    def _normalisations(self, role: str, x: Any, call: Call) -> list[Any]:
        kinds = {
            "none": lambda: x,
            "batch": lambda: self._norms[role, "batch"].batch(x, call, tf.shape(x)[-1]),
            "layer": lambda: self._norms[role, "layer"].layer(x, tf.shape(x)[-1]),
        }
        return [kinds[str(kind)] for kind in self._values("normalization", "none")]

    def _skips(
        self, how: Path | Mixture, role: str, made: Any, inflow: Inflow, given: Any
    ) -> list[Any]:
        """Returns the branches of `skip`: past the layer its input goes, as wide as it needs be."""
        flat = role == "entry"
        width = inflow.width * math.prod(self.grid) if flat else inflow.width
        units = how.width(self.units)

        def as_it_is() -> Any:
            past = tf.reshape(given, (tf.shape(given)[0], width)) if flat else given
            return made + past

        def made_as_wide() -> Any:
            return made + self._shortcuts[role](given, inflow.width, units)

        def added() -> Any:
            if isinstance(how, Mixture):
                varies = any(
                    name is not None and len(self.choices[name].values) > 1
                    for name in (inflow.name, self.units)
                )
                return as_it_is() if not varies and width == units else made_as_wide()
            return tf.cond(tf.equal(width, units), as_it_is, made_as_wide)

        return [added if skips else lambda: made for skips in self.choices["skip"].values]

    def _drop(self, how: Path | Mixture, x: Any, call: Call) -> Any:
        if "dropout" not in self.choices:
            return x
        choice = self.choices["dropout"]
        if isinstance(how, Path):
            return dropped(x, how.number("dropout"), call, self.number)
        rates = [float(rate) for rate in choice.values]
        return how.select("dropout", [partial(dropped, x, r, call, self.number) for r in rates])

    def _sides(self) -> tuple[int, ...]:
        name = f"kernel_size_{self.number}"
        return self.choices[name].widths if name in self.choices else (3,)

    def _values(self, name: str, default: str) -> tuple[Any, ...]:
        return self.choices[name].values if name in self.choices else (default,)
