"""HyperParameters that refuse what KerasTuner overlooks or doesn't explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras_tuner as kt

from nas_nb.errors import SpaceError, nearest
from nas_nb.space.hyperparameters import from_hyperparameter


class WatchedParameters(kt.HyperParameters):
    """What a recorded build gets for `hp`.

    Raises:
        SpaceError: A choice offers nothing, a name is asked for again with another range, which
            KerasTuner would answer from the first one, or a scope depends on nothing known.
    """

    def Choice(self, name: str, values: Sequence[Any], *args: Any, **options: Any) -> Any:  # noqa: N802 - KerasTuner's name
        """Asks for one of `values`; see KerasTuner."""
        if len(values) == 0:
            raise SpaceError(
                f"Expected hp.Choice({name!r}, ...) to offer at least one value, got none: "
                "list some, or leave it out."
            )
        return super().Choice(name, values, *args, **options)

    def conditional_scope(self, parent_name: str, parent_values: Any) -> Any:
        """Opens a scope that is active while the parent has one of the values; see KerasTuner."""
        known = [parameter.name for parameter in self.space]
        if self._get_name(parent_name) not in known:
            raise SpaceError(
                f"Expected a conditional scope on a hyperparameter that was asked for, got "
                f"{parent_name!r}: ask for it first, for example with "
                f"hp.Choice({parent_name!r}, ...).{nearest(parent_name, known)}"
            )
        return super().conditional_scope(parent_name, parent_values)

    def _retrieve(self, hp: Any) -> Any:
        for known in self.space:
            if known.name == hp.name and known.conditions == hp.conditions:
                before, now = (from_hyperparameter(each).range_text() for each in (known, hp))
                if before != now:
                    raise SpaceError(
                        f"Expected '{hp.name}' to have one range wherever it is asked for, got "
                        f"{before} and {now}: give one of them another name."
                    )
        return super()._retrieve(hp)
