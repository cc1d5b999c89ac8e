"""One-shot and differentiable (DARTS) search over a supernet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nas_nb.errors import MeasureError, StrategyError
from nas_nb.record.trial import values_key
from nas_nb.space.parameter import holds
from nas_nb.strategy.base import Candidate, Strategy, option, sample_new

if TYPE_CHECKING:
    from collections.abc import Callable

    from nas_nb.data.dataset import Data
    from nas_nb.evaluate.training_state import TrainingControl
    from nas_nb.record.history import History
    from nas_nb.record.journal import Journal
    from nas_nb.record.trial import Value
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter
    from nas_nb.space.search_space import SearchSpace


@dataclass(frozen=True)
class SupernetStrategy(Strategy):
    """Trains one net for the whole space before the first trial, and proposes by it."""

    needs_data: ClassVar[bool] = True
    mixes: ClassVar[bool] = False
    """Whether the net mixes all choices, in place of one path at a time."""

    def __post_init__(self) -> None:
        from nas_nb.evaluate.backend import require_tensorflow

        super().__post_init__()
        require_tensorflow(f"strategy '{self.name}', whose net is shared", StrategyError)

    def check_space(self, space: SearchSpace) -> None:
        """Raises a `StrategyError` if no net can hold all architectures of the space."""
        from nas_nb.supernet.supernet import check_shareable

        try:
            check_shareable(space, mixed=self.mixes)
        except MeasureError as error:
            raise StrategyError(
                f"Strategy '{self.name}' trains one net for the whole space, and this space has "
                f"none. {error}"
            ) from None

    def last_prepared(self, what: str, history: History) -> Mapping[str, Any] | None:
        """Returns the last of what it wrote, with these options, before the first trial."""
        for event in reversed(history.prepared):
            detail: Mapping[str, Any] = event.get("detail") or {}
            mine = event["strategy"] == self.name and event["what"] == what
            if mine and detail["options"] == self.options:
                return detail
        return None

    def unprepared(self, does: str) -> StrategyError:
        """Returns what is raised where its net was never trained."""
        return StrategyError(
            f"Strategy '{self.name}' {does}, which `Search` trains on its data before the first "
            f"trial. Received: a history without it. Run it as nas.Search(space, data, "
            f"strategy='{self.name}'); an oracle has no data."
        )


@dataclass(frozen=True)
class OneShot(SupernetStrategy):
    """Trains one net with the weights of all architectures, and tries first what it rates best.

    Use it where a candidate takes long to train and only a few can be: the supernet costs as much
    as a few candidates, and then rates hundreds. Don't use it to tell neighbours apart: shared
    weights separate kinds of architectures better than sizes. It needs data, so only a `Search` can
    run it, on a space of chains or of NAS-Bench-201's cells.

    The supernet is trained before the first trial, and its scores go into the journal, where
    proposals read them. Trials train from scratch: a score of shared weights is no score.

    Paper: Guo et al., Single Path One-Shot Neural Architecture Search with Uniform Sampling, ECCV
    2020. As there, candidates are found by evolution: half of the pool is random, the rest are
    mutants of the 10 best so far (without the paper's crossover).
    """

    name: ClassVar[str] = "one_shot"
    learns: ClassVar[bool] = False

    epochs: int = option(60, "Epochs of the supernet's training.", low=1)
    pool: int = option(200, "How many candidates the supernet scores.", low=1)
    fair: bool = option(
        False,
        "Whether each step trains all options of a choice equally often (FairNAS), at several "
        "times the cost.",
    )

    def prepare(
        self, space: SearchSpace, data: Data, journal: Journal, control: TrainingControl, seed: int
    ) -> None:
        """Trains the supernet and writes the scores of the pool into the journal."""
        from nas_nb.supernet.supernet import Supernet

        if self._scored(journal.history) is not None:
            return
        supernet = Supernet(space, data, seed=seed)

        def on_epoch(epoch: int, logs: Mapping[str, float], duration_s: float) -> None:
            detail = {"epoch": epoch, "epochs": self.epochs, "logs": dict(logs)}
            journal.append("prepared", strategy=self.name, what="epoch", detail=detail)

        # The supernet's weights by uniform sampling of single paths (section 3.2 of the paper).
        trained = supernet.train(
            epochs=self.epochs, fair=self.fair, on_epoch=on_epoch, control=control
        )
        objective = journal.history.objective

        def score(values: Mapping[str, Value]) -> float | None:
            if control.checkpoint():
                return None
            return supernet.score(supernet.space.architecture(values), objective)

        if trained.stopped:
            return
        sign = journal.history.sign
        scored = score_pool(self.domain, score, self.pool, sign, np.random.default_rng([seed, 1]))
        if scored is not None:
            detail = {"options": self.options, "objective": objective, "candidates": scored}
            journal.append("prepared", strategy=self.name, what="scores", detail=detail)

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns the best of the pool that was never tried; a random one when all were."""
        scored = self._scored(history)
        if scored is None:
            raise self.unprepared("ranks candidates with a supernet")
        # The architecture of the highest validation accuracy with inherited weights, then the next.
        for values, _ in sorted(scored, key=lambda pair: -history.sign * pair[1]):
            if self.domain.contains(values) and not history.has_tried(values):
                return Candidate(self.domain.canonical(values), "predicted")
        return sample_new(self.domain, history, rng)

    def _scored(self, history: History) -> Scored | None:
        """Returns the pool's values and scores, once they are known for these options."""
        detail = self.last_prepared("scores", history)
        return None if detail is None else [tuple(pair) for pair in detail["candidates"]]


_DERIVATION_DRAWS = 256


@dataclass(frozen=True)
class Darts(SupernetStrategy):
    """Learns the weights of a net and a mixture of all its choices, and tries what has won.

    Use it where one training of a net with everything in it can be afforded, and a few trials.
    Don't use it where that net learns faster through some options than others, such as connections
    without weights: it prefers them, good or not. Therefore the derived architecture is trained by
    itself, as the first trial, before it counts. It needs data, so only a `Search` can run it, on a
    space of chains or of NAS-Bench-201's cells whose choices are lists.

    The net is trained before the first trial; the mixing weights of each epoch go into the journal,
    where proposals read them: first the options with the greatest weights, then architectures drawn
    with the mixing weights as probabilities.

    Paper: Liu, Simonyan & Yang, DARTS: Differentiable Architecture Search, ICLR 2019, Algorithm 1.
    """

    name: ClassVar[str] = "darts"
    learns: ClassVar[bool] = False
    mixes: ClassVar[bool] = True

    epochs: int = option(50, "Epochs of the supernet's training.", low=1)
    order: int = option(
        1,
        "Order of the architecture gradient: 2 accounts for the weights' next step.",
        low=1,
        high=2,
    )
    # GDAS: Dong & Yang, CVPR 2019.
    relaxation: str = option(
        "softmax",
        "Mix all options of a choice, or draw one for each batch (GDAS).",
        words=("softmax", "gumbel"),
    )
    optimizer: str = option("adam", "Optimizer of the architecture weights.", words=("adam", "sgd"))
    learning_rate: float = option(0.025, "Learning rate of the network weights.", above=0)
    # The paper's 0.0003 is for some 20,000 steps.
    arch_learning_rate: float = option(0.02, "Learning rate of the architecture weights.", above=0)

    def prepare(
        self, space: SearchSpace, data: Data, journal: Journal, control: TrainingControl, seed: int
    ) -> None:
        """Trains the mixture and writes its weights after each epoch into the journal."""
        from nas_nb.supernet.differentiable import DartsConfig, DifferentiableSupernet

        if self._learned(journal.history) is not None:
            return
        config = DartsConfig(
            order=self.order,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            arch_learning_rate=self.arch_learning_rate,
            gumbel=self.relaxation == "gumbel",
        )
        supernet = DifferentiableSupernet(space, data, config, seed=seed)

        def on_epoch(
            epoch: int, logs: Mapping[str, float], mixing: Mapping[str, Weighed], duration_s: float
        ) -> None:
            detail = {
                "epoch": epoch,
                "epochs": self.epochs,
                "options": self.options,
                "logs": dict(logs),
                "mixing": MixingWeights(mixing).listed,
            }
            journal.append("prepared", strategy=self.name, what="mixing", detail=detail)

        # Algorithm 1: a step of the mixture (eq. 7 with order=2), a step of the weights, in turn.
        supernet.train(epochs=self.epochs, on_epoch=on_epoch, control=control)

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns the derived architecture, then others drawn by their weights, each once."""
        mixture = self._learned(history)
        if mixture is None:
            raise self.unprepared("derives architectures from a mixture")
        # Algorithm 1, last line: o = argmax alpha_o of each mixed operation (section 2.2).
        point = mixture.derived(self.domain)
        for _ in range(_DERIVATION_DRAWS):
            if not history.has_tried(point):
                return Candidate(point, "predicted")
            point = mixture.drawn(self.domain, rng)
        return sample_new(self.domain, history, rng)

    def _learned(self, history: History) -> MixingWeights | None:
        """Returns the mixture of the last epoch, once all epochs are done."""
        detail = self.last_prepared("mixing", history)
        if detail is None or detail["epoch"] != self.epochs:
            return None
        return MixingWeights.of(detail["mixing"])


Weighed = Sequence[tuple["Value", float]]


@dataclass(frozen=True)
class MixingWeights:
    """The mixing weights, 0 or more, of the options of each choice that was mixed, by its name."""

    weights: Mapping[str, Weighed]

    @classmethod
    def of(cls, listed: Mapping[str, Any]) -> MixingWeights:
        """Returns the mixture that a journal keeps as `listed`."""
        return cls({name: [(v, float(w)) for v, w in own] for name, own in listed.items()})

    @property
    def listed(self) -> dict[str, list[list[Any]]]:
        """The weights as a journal keeps them."""
        return {name: [list(pair) for pair in own] for name, own in self.weights.items()}

    def derived(self, domain: Domain) -> dict[str, Value]:
        """Returns the architecture of the options with the greatest weights."""
        best = {name: max(own, key=lambda pair: pair[1])[0] for name, own in self.weights.items()}
        return domain.representative(domain.complete(best))

    def drawn(self, domain: Domain, rng: np.random.Generator) -> dict[str, Value]:
        """Returns an architecture drawn with the weights as chances."""
        point: dict[str, Value] = {}
        for parameter in domain.parameters:  # parents come first
            if holds(parameter.conditions, point):
                point[parameter.name] = self._draw(parameter, rng)
        return domain.representative(point)

    def _draw(self, parameter: Parameter, rng: np.random.Generator) -> Value:
        if parameter.name not in self.weights:
            return parameter.sample(rng)
        values, weights = zip(*self.weights[parameter.name], strict=True)
        total = sum(weights)
        chances = [each / total for each in weights]
        chosen: Value = values[int(rng.choice(len(values), p=chances))]
        return chosen


Scored = list[tuple[dict[str, Any], float]]

_PARENTS = 10
_POOL_DRAWS = 20


def score_pool(
    domain: Domain,
    score: Callable[[Mapping[str, Value]], float | None],
    pool: int,
    sign: float,
    rng: np.random.Generator,
) -> Scored | None:
    """Returns different random candidates and mutants of the best of them, with finite scores."""
    few = isinstance(domain.size, int) and domain.size <= pool
    listed = domain.enumerate() if few else repeat(None, _POOL_DRAWS * pool)
    found: dict[str, tuple[dict[str, Any], float]] = {}
    for known in listed:
        if len(found) >= pool:
            break
        # Guo et al. 2020, Algorithm 1: random population first, then mutants of its top k.
        mutates = len(found) >= max(1, pool // 2)
        point = known or _drawn(domain, list(found.values()) if mutates else [], sign, rng)
        key = values_key(point)
        if key in found:
            continue
        value = score(point)
        if value is None:
            return None
        if np.isfinite(value):
            found[key] = (dict(point), float(value))
    return list(found.values())


def _drawn(
    domain: Domain, parents: Scored, sign: float, rng: np.random.Generator
) -> dict[str, Value]:
    """Returns a mutant of one of the best parents; a random point where there are none."""
    if not parents:
        return domain.sample(rng)
    best = sorted(parents, key=lambda pair: -sign * pair[1])[:_PARENTS]
    return domain.mutate(best[int(rng.integers(len(best)))][0], rng)
