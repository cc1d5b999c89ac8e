"""The shared net of chains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import tensorflow as tf

from nas_nb.errors import MeasureError
from nas_nb.space.chain_options import CONVOLUTIONS
from nas_nb.space.chain_space import POOL_SIZE, SMALLEST_POOLED
from nas_nb.supernet.choices import Mixture, Path, PathChoices
from nas_nb.supernet.layers import (
    CallContext,
    ElasticFlatLayer,
    ElasticLayer,
    ElasticNorm,
    activation,
    dropped,
    pooled,
)

if TYPE_CHECKING:
    from nas_nb.data.dataset import DataSpec
    from nas_nb.space.domain import Domain
    from nas_nb.supernet.layers import SharedWeights


class ChainNet:
    """All chains of a space in one net: a convolution and two dense layers for every place."""

    # Widths share the first units of the widest layer, windows of convolutions the middle of the
    # largest, and every depth has an output layer of its own.

    def __init__(self, domain: Domain, spec: DataSpec, weights: SharedWeights) -> None:
        self.choices = PathChoices.of(domain)
        self.spec = spec
        self.depths = sorted(self.choices["depth"].widths)
        check_pooling(self.choices)
        self.positions: list[ChainPosition] = []
        self.heads: dict[tuple[str, int], Any] = {}
        self._build(weights)

    def _build(self, weights: SharedWeights) -> None:
        """Makes the places one after the other, as far as convolutions and as dense layers go."""
        *grid, inflow = self.spec.input_shape
        sides: Grid = tuple(grid)
        convolves, flat = True, False
        for number in range(1, self.depths[-1] + 1):
            kinds = self._kinds(number) if convolves else ("Dense",)
            convolutional = any(kind in CONVOLUTIONS for kind in kinds)
            here = convolves and "Dense" in kinds
            place = ChainPosition(
                self.choices, weights, number, inflow, sides, convolutional, flat, here
            )
            self.positions.append(place)
            convolves, flat = convolutional, flat or here
            inflow = int(self.choices[place.units].top)
            sides = place.after if convolutional else sides
            if number in self.depths:
                self._make_heads(weights, number, inflow, sides, convolves, flat)

    def _make_heads(
        self,
        weights: SharedWeights,
        depth: int,
        width: int,
        grid: Grid,
        convolves: bool,
        flat: bool,
    ) -> None:
        outputs = self.spec.outputs
        if convolves:
            self.heads["grid", depth] = ElasticFlatLayer(
                weights, f"head_{depth}.grid", math.prod(grid), width, outputs
            )
        if flat:
            self.heads["flat", depth] = ElasticLayer(weights, f"head_{depth}.flat", width, outputs)

    def _kinds(self, number: int) -> tuple[str, ...]:
        name = f"layer_{number}"
        return tuple(map(str, self.choices[name].values)) if name in self.choices else ("Dense",)

    def logits(self, how: Path | Mixture, x: Any, call: CallContext) -> Any:
        """Returns the sums of the output layer, ``(samples, outputs)``."""
        if isinstance(how, Mixture):
            return self._mixed(how, x, call)
        return self._along(how, x, call)

    def _along(self, path: Path, x: Any, call: CallContext) -> Any:
        """Runs one chain: what it doesn't have passes on what there is."""
        depth = tf.convert_to_tensor(path.width("depth"))
        convolved = self._convolutions(path, depth)
        grid, flat = x, tf.zeros((tf.shape(x)[0], 1))
        for place in self.positions:
            inflow = self._inflow(path, place)
            before = grid
            if place.convolution is not None:

                def convolve(place: Any = place, x: Any = grid, inflow: Any = inflow) -> Any:
                    return place.convolve(path, self._shaped(x, place.grid), inflow, call)

                grid = _when(place.number <= convolved, convolve, before)
            if place.entry is not None:

                def enter(place: Any = place, x: Any = before, inflow: Any = inflow) -> Any:
                    return place.enter(path, self._shaped(x, place.grid), inflow, call)

                first = tf.equal(place.number, convolved + 1) & (place.number <= depth)
                entered = _when(first, enter, flat)
            else:
                entered = flat
            if place.dense is not None:

                def go_on(place: Any = place, x: Any = flat, inflow: Any = inflow) -> Any:
                    return place.go_on(path, x, inflow, call)

                later = (place.number > convolved + 1) & (place.number <= depth)
                entered = _when(later, go_on, entered)
            flat = entered
        return self._head_of(path, depth, convolved, grid, flat)

    def _head_of(self, path: Path, depth: Any, convolved: Any, grid: Any, flat: Any) -> Any:
        """Returns what the output layer of the chain's depth makes of its last layer."""
        order = list(self.heads)

        def head(form: str, at: int) -> Any:
            width = path.width(f"units_{at}")
            given = grid if form == "grid" else flat
            return lambda: self.heads[form, at](given, width, self.spec.outputs)

        is_grid = tf.equal(convolved, depth)
        wanted = [tf.equal(depth, at) & tf.equal(is_grid, form == "grid") for form, at in order]
        chosen = tf.argmax(tf.cast(tf.stack(wanted), tf.int32), output_type=tf.int32)
        branches = [head(form, at) for form, at in order]
        return branches[0]() if len(branches) == 1 else tf.switch_case(chosen, branches)

    def _convolutions(self, path: Path, depth: Any) -> Any:
        """Returns how many convolutions the chain has, before its dense layers."""
        count, going = tf.constant(0), tf.constant(True)
        for place in self.positions:
            if place.convolution is None:
                break
            kinds = self._kinds(place.number)
            is_one = tf.constant([kind in CONVOLUTIONS for kind in kinds])
            here = is_one[path.index(f"layer_{place.number}") if len(kinds) > 1 else 0]
            going = going & here & (place.number <= depth)
            count += tf.cast(going, tf.int32)
        return count

    def _mixed(self, how: Mixture, x: Any, call: CallContext) -> Any:
        """Runs all chains at once: each form and depth weighs as much as its choices do."""
        # After place i a chain is still a grid with the weight of convolutions up to there; what
        # comes into a dense layer is a flattened grid with the weight of the first dense layer.
        still = tf.constant(1.0)
        grid, flat = x, None
        total = 0.0
        depths = self.choices["depth"].widths
        for place in self.positions:
            inflow = self._inflow(how, place)
            before, was = grid, still
            still = was * self._convolving(how, place)
            if place.convolution is not None:
                grid = place.convolve(how, before, inflow, call)
            parts = []
            if place.entry is not None:
                parts.append(((was - still), place.enter(how, before, inflow, call)))
            if place.dense is not None and flat is not None:
                parts.append((1.0 - was, place.go_on(how, flat, inflow, call)))
            if parts:
                share = tf.maximum(1.0 - still, 1e-6)
                flat = tf.add_n([weight / share * part for weight, part in parts])
            if place.number in self.depths:
                made = self._heads(place, grid, flat, still)
                single = len(depths) == 1
                total += made if single else how.weights["depth"][depths.index(place.number)] * made
        return total

    def _heads(self, place: ChainPosition, grid: Any, flat: Any, still: Any) -> Any:
        """Returns what the output layers of one depth make, of a grid and of units."""
        made = []
        width, outputs = int(self.choices[place.units].top), self.spec.outputs
        if ("grid", place.number) in self.heads:
            made.append(still * self.heads["grid", place.number](grid, width, outputs))
        if ("flat", place.number) in self.heads:
            made.append((1.0 - still) * self.heads["flat", place.number](flat, width, outputs))
        return tf.add_n(made)

    def _convolving(self, how: Mixture, place: ChainPosition) -> Any:
        """Returns the weight of a convolution at a place, before which all are convolutions."""
        kinds = self._kinds(place.number)
        if place.convolution is None:
            return tf.constant(0.0)
        if len(kinds) == 1:
            return tf.constant(1.0)
        is_one = tf.constant([float(kind in CONVOLUTIONS) for kind in kinds])
        return tf.reduce_sum(how.weights[f"layer_{place.number}"] * is_one)

    def _inflow(self, how: Path | Mixture, place: ChainPosition) -> LayerInput:
        if place.number == 1:
            channels = self.spec.input_shape[-1]
            return LayerInput(None, channels, channels)
        name = f"units_{place.number - 1}"
        return LayerInput(name, how.width(name), int(self.choices[name].top))

    def _shaped(self, grid: Any, sides: Grid) -> Any:
        return tf.ensure_shape(grid, (None, *sides, None))


def _when(condition: Any, make: Any, otherwise: Any) -> Any:
    return tf.cond(condition, make, lambda: otherwise)


def check_pooling(choices: PathChoices) -> None:
    """Raises a `MeasureError` if some chains pool and some don't."""
    ways = choices["pooling"].values if "pooling" in choices else ()
    if "none" in ways and len(ways) > 1:
        raise MeasureError(
            "Expected chains that all pool or all don't for a supernet. Received: the choice "
            f"{', '.join(map(str, cast('Any', ways)))}. The sizes differ. Pin one, with "
            "space.subspace(pin={'pooling': 'max'})."
        )


Grid = tuple[int, ...]


@dataclass(frozen=True)
class LayerInput:
    """What comes into a place."""

    name: str | None  # the choice of its width; None for samples
    width: Any  # channels or units
    most: int  # how many it may have


class ChainPosition:
    """The layers that may stand at one place of a chain, with their weights."""

    def __init__(
        self,
        choices: PathChoices,
        weights: SharedWeights,
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
            self.convolution = ElasticLayer(weights, f"{place}.convolution", *window, inflow, most)
            if shortcut:
                one = (1,) * len(grid)
                name = f"{place}.convolution_past"
                self._shortcuts["convolution"] = ElasticLayer(weights, name, *one, inflow, most)
        if dense_here:
            pixels = math.prod(grid)
            self.entry = ElasticFlatLayer(weights, f"{place}.entry", pixels, inflow, most)
            if shortcut:
                name = f"{place}.entry_past"
                self._shortcuts["entry"] = ElasticFlatLayer(weights, name, pixels, inflow, most)
        if dense_before:
            self.dense = ElasticLayer(weights, f"{place}.dense", inflow, most)
            if shortcut:
                name = f"{place}.dense_past"
                self._shortcuts["dense"] = ElasticLayer(weights, name, inflow, most)
        self._norms = self._make_norms(weights, place, most)

    def _make_norms(
        self, weights: SharedWeights, place: str, most: int
    ) -> dict[tuple[str, str], ElasticNorm]:
        roles = ("convolution", "entry", "dense")
        return {
            (role, kind): ElasticNorm(weights, f"{place}.{role}_{kind}", most)
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

    def convolve(self, how: Path | Mixture, x: Any, inflow: LayerInput, call: CallContext) -> Any:
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

    def enter(self, how: Path | Mixture, x: Any, inflow: LayerInput, call: CallContext) -> Any:
        """Returns what the first dense layer makes of a grid, ``(samples, units)``."""
        return self._made_of_units(self.entry, "entry", how, x, inflow, call)

    def go_on(self, how: Path | Mixture, x: Any, inflow: LayerInput, call: CallContext) -> Any:
        """Returns what a further dense layer makes of units, ``(samples, units)``."""
        return self._made_of_units(self.dense, "dense", how, x, inflow, call)

    def _made_of_units(
        self,
        layer: ElasticFlatLayer | ElasticLayer | None,
        role: str,
        how: Path | Mixture,
        x: Any,
        inflow: LayerInput,
        call: CallContext,
    ) -> Any:
        if layer is None:
            raise ValueError(f"no dense layer may stand here as {role}")
        made = layer(x, inflow.width, how.width(self.units))
        return self._drop(how, self._finish(how, role, made, inflow, x, call), call)

    def _finish(
        self,
        how: Path | Mixture,
        role: str,
        x: Any,
        inflow: LayerInput,
        given: Any,
        call: CallContext,
    ) -> Any:
        """Returns sums after normalisation, activation and what goes past the layer."""
        normal = how.select("normalization", self._normalisations(role, x, call))
        names = self._values(f"activation_{self.number}", "linear")
        made = how.select(
            f"activation_{self.number}", [partial(activation(str(name)), normal) for name in names]
        )
        if role in self._shortcuts:
            made = how.select("skip", self._skips(how, role, made, inflow, given))
        return how.masked(self.units, made)

    def _normalisations(self, role: str, x: Any, call: CallContext) -> list[Any]:
        kinds = {
            "none": lambda: x,
            "batch": lambda: self._norms[role, "batch"].batch(x, call, tf.shape(x)[-1]),
            "layer": lambda: self._norms[role, "layer"].layer(x, tf.shape(x)[-1]),
        }
        return [kinds[str(kind)] for kind in self._values("normalization", "none")]

    def _skips(
        self, how: Path | Mixture, role: str, made: Any, inflow: LayerInput, given: Any
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

    def _drop(self, how: Path | Mixture, x: Any, call: CallContext) -> Any:
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
