"""The settings of a search: everything its user chose, checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from nas_nb.data import Data, default_data, load
from nas_nb.errors import SearchError, nearest
from nas_nb.evaluate.batches import steps_per_epoch
from nas_nb.evaluate.fidelity import Fidelity, check_whole
from nas_nb.evaluate.subset import share
from nas_nb.search.budget import Budget, parse_bytes, parse_duration
from nas_nb.search.material import Material
from nas_nb.search.objective import as_objective
from nas_nb.space.search_space import SearchSpace
from nas_nb.strategy.names import make_strategy

if TYPE_CHECKING:
    import keras_tuner as kt

    from nas_nb.strategy.names import StrategyLike
    from nas_nb.strategy.strategy import Strategy

SpaceLike = SearchSpace | Mapping[str, Any] | Callable[..., Any]

_COUNTED = ("max_trials", "max_epochs", "max_params", "max_flops")
_TIMED = ("max_time", "max_time_per_trial", "max_latency")
_GRANTS = tuple(field.name for field in fields(Fidelity))
_CHOSEN = ("strategy", "options", "objective", "seed")
LIMITS = (*_COUNTED, *_TIMED, "max_memory")
CHANGEABLE = (*_CHOSEN, *LIMITS, *_GRANTS)
_RECORDED_VERSIONS = ("nas_nb", "keras", "keras-tuner", "tensorflow", "numpy")


@dataclass(frozen=True)
class Settings:
    """What defines a search.

    Attributes:
        name: What it is called on screen.
        space: What may be built, bound to `data`.
        data: What candidates are trained and compared on.
        strategy: Who proposes.
        objective: What is compared.
        budget: What may be spent.
        fidelity: What each trial is granted.
        seed: Decides proposals, initial weights and orders of samples; 0 or more.
    """

    name: str
    space: SearchSpace
    data: Data
    strategy: Strategy
    objective: kt.Objective
    budget: Budget
    fidelity: Fidelity
    seed: int

    def __post_init__(self) -> None:
        check_whole("seed", self.seed, least=0)
        if self.fidelity.resolution < 1:
            self.material.of(self.fidelity)  # refused now, where it makes no sense

    @property
    def steps_per_epoch(self) -> int:
        """How many gradient steps an epoch is."""
        samples = share(len(self.data.x_train), self.fidelity.fraction)
        return steps_per_epoch(samples, self.fidelity.batch_size)

    @cached_property
    def material(self) -> Material:
        """Space and data as a trial's fidelity leaves them."""
        return Material(self.space, self.data, self.seed)

    def opening(self) -> dict[str, Any]:
        """Returns the fields of the journal's `search_opened` event."""
        return {
            "search": self.name,
            "seed": self.seed,
            "objective": self.objective.name,
            "direction": self.objective.direction,
            "strategy": self.strategy.name,
            "options": self.strategy.options,
            "space": self.space.domain.to_json(),
            "recipe": self.space.recipe,
            "budget": self.budget.to_json(),
            "fidelity": self.fidelity.to_json(),
            "data": self.data.name,
            "steps_per_epoch": self.steps_per_epoch,
            "versions": {name: version(name) for name in _RECORDED_VERSIONS},
        }


def as_data(data: Data | str | None) -> Data:
    """Returns the data meant: given, named, or the default set with `nas.use`."""
    if isinstance(data, Data):
        return data
    if data is None:
        return default_data()
    if isinstance(data, str):
        return load(data)
    raise SearchError(
        f"Expected `data` to be a `nas.Data` or a name for `nas.load`. "
        f"Received: {type(data).__name__}. Wrap arrays with `nas.Data.from_arrays(x, y)`."
    )


def as_space(space: SpaceLike) -> SearchSpace:
    """Returns the search space meant by a space, a dict, or a KerasTuner `build(hp)` function."""
    if isinstance(space, SearchSpace):
        return space
    if isinstance(space, Mapping):
        return SearchSpace.from_dict(dict(space))
    return SearchSpace(space)


def as_strategy(
    strategy: StrategyLike, space: SearchSpace, options: Mapping[str, Any] | None = None
) -> Strategy:
    """Returns the strategy meant, bound to a space.

    Raises:
        StrategyError: There is no such strategy or option, or it can't search the space.
    """
    made = make_strategy(strategy, space.domain, **(options or {}))
    made.check_space(space)
    return made


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Returns settings with other values for some of what `Search` takes.

    Raises:
        NasError: No such setting can be changed, or its value is not legal.
    """
    unknown = [name for name in changes if name not in CHANGEABLE]
    if unknown:
        raise SearchError(
            f"A search has no setting '{unknown[0]}' that can be changed."
            f"{nearest(unknown[0], CHANGEABLE)}"
        )
    rest = dict(changes)
    limits: dict[str, Any] = {name: rest.pop(name) for name in _COUNTED if name in rest}
    for name in _TIMED:
        if name in rest:
            limits[f"{name}_s"] = parse_duration(rest.pop(name), name)
    if "max_memory" in rest:
        limits["max_memory_bytes"] = parse_bytes(rest.pop("max_memory"))
    grants = {name: rest.pop(name) for name in _GRANTS if name in rest}
    options = rest.pop("options", None) or {}
    if "strategy" in rest or options:
        who = rest.get("strategy", settings.strategy)
        rest["strategy"] = as_strategy(who, settings.space, options)
    if "objective" in rest:
        rest["objective"] = as_objective(rest["objective"], settings.data.task, settings.space)
    return replace(
        settings,
        budget=replace(settings.budget, **limits),
        fidelity=replace(settings.fidelity, **grants),
        **rest,
    )
