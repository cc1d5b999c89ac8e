"""The shared net of chains: convolutions, dense layers, and the step between them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import tensorflow as tf

from nas_nb.errors import MeasureError
from nas_nb.evaluate.supernet.chain_position import ChainPosition, Grid, Inflow
from nas_nb.evaluate.supernet.choice import Choices
from nas_nb.evaluate.supernet.layers import Call, FlatProduct, Product
from nas_nb.evaluate.supernet.selection import Mixture, Path
from nas_nb.space.chain_values import CONVOLUTIONS

if TYPE_CHECKING:
    from nas_nb.data import DataSpec
    from nas_nb.evaluate.supernet.weights import Weights
    from nas_nb.space.domain import Domain


class ChainNet:
    """All chains of a space in one net: a convolution and two dense layers for every place.

    Widths share the first units of the widest layer, windows of convolutions the middle of the
    largest, and every depth has an output layer of its own.

    Args:
        domain: The space.
        spec: The data.
        weights: Where the weights are made.

    Raises:
        MeasureError: The space has choices that can't share weights.
    """

    def __init__(self, domain: Domain, spec: DataSpec, weights: Weights) -> None:
        self.choices = Choices.of(domain)
        self.spec = spec
        self.depths = sorted(self.choices["depth"].widths)
        check_pooling(self.choices)
        self.positions: list[ChainPosition] = []
        self.heads: dict[tuple[str, int], Any] = {}
        self._build(weights)

    def _build(self, weights: Weights) -> None:
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
        self, weights: Weights, depth: int, width: int, grid: Grid, convolves: bool, flat: bool
    ) -> None:
        outputs = self.spec.outputs
        if convolves:
            self.heads["grid", depth] = FlatProduct(
                weights, f"head_{depth}.grid", math.prod(grid), width, outputs
            )
        if flat:
            self.heads["flat", depth] = Product(weights, f"head_{depth}.flat", width, outputs)

    def _kinds(self, number: int) -> tuple[str, ...]:
        name = f"layer_{number}"
        return tuple(map(str, self.choices[name].values)) if name in self.choices else ("Dense",)

    def logits(self, how: Path | Mixture, x: Any, call: Call) -> Any:
        """Returns the sums of the output layer, ``(samples, outputs)``.

        Args:
            how: What decides the choices.
            x: Samples.
            call: What layers are told.
        """
        if isinstance(how, Mixture):
            return self._mixed(how, x, call)
        return self._along(how, x, call)

    def _along(self, path: Path, x: Any, call: Call) -> Any:
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

    def _mixed(self, how: Mixture, x: Any, call: Call) -> Any:
        """Runs all chains at once: each form and depth weighs as much as its choices do.

        After place i a chain is still a grid with the weight of convolutions up to there; what
        comes into a dense layer is a flattened grid with the weight of the first dense layer.
        """
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

    def _inflow(self, how: Path | Mixture, place: ChainPosition) -> Inflow:
        if place.number == 1:
            channels = self.spec.input_shape[-1]
            return Inflow(None, channels, channels)
        name = f"units_{place.number - 1}"
        return Inflow(name, how.width(name), int(self.choices[name].top))

    def _shaped(self, grid: Any, sides: Grid) -> Any:
        return tf.ensure_shape(grid, (None, *sides, None))


def _when(condition: Any, make: Any, otherwise: Any) -> Any:
    return tf.cond(condition, make, lambda: otherwise)


def check_pooling(choices: Choices) -> None:
    """Raises a `MeasureError` if some chains pool and some don't."""
    ways = choices["pooling"].values if "pooling" in choices else ()
    if "none" in ways and len(ways) > 1:
        raise MeasureError(
            "Expected chains that all pool or all don't for a supernet, got the choice "
            f"{', '.join(map(str, cast(Any, ways)))}: the sizes differ. Pin one, with "
            "space.subspace(pins={'pooling': 'max'})."
        )
