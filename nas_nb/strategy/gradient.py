"""Differentiable architecture search (Liu et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nas_nb.errors import StrategyError, nearest
from nas_nb.strategy.mixing import Mixing, Weighed
from nas_nb.strategy.shared import prepared, refuse_unprepared, refuse_unshareable
from nas_nb.strategy.strategy import Strategy, sample_new, whole_number

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.data import Data
    from nas_nb.evaluate.trainer import Control
    from nas_nb.record.history import History
    from nas_nb.record.journal import Journal
    from nas_nb.record.values import Value
    from nas_nb.space.search_space import SearchSpace

_WORDS = {"relaxation": ("softmax", "gumbel"), "optimizer": ("adam", "sgd")}
_DRAWS = 256


@dataclass(frozen=True)
class Gradient(Strategy):
    """Learns the weights of a net and a mixture of all its choices, and tries what has won.

    Use it where one training of a net with everything in it can be afforded, and a few trials.
    Don't use it where that net learns faster through some options than others, such as
    connections without weights: it prefers them, good or not. Therefore the derived architecture
    is trained by itself, as the first trial, before it counts.
    It needs the data, so only a `Search` can run it, on a space of chains or of NAS-Bench-201's
    cells whose choices are lists.

    The net is trained before the first trial; the mixing weights of each epoch are written into
    the journal, and proposals read them there: first the options with the greatest weights, then
    architectures drawn with the mixing weights as chances.

    Paper: Liu, Simonyan & Yang, DARTS: Differentiable Architecture Search, ICLR 2019, Algorithm 1.

    Args:
        epochs: Passes over the data, 1 or more.
        order: 1 or 2: whether the architecture's gradient sees how the weights would follow.
        relaxation: ``"softmax"`` mixes all options; ``"gumbel"`` draws one of each choice for a
            batch (GDAS, Dong & Yang, CVPR 2019).
        optimizer: Of the architecture: ``"adam"`` or ``"sgd"``.
        learning_rate: Of the weights, above 0.
        arch_learning_rate: Of the architecture, above 0. The paper's 0.0003 is for some 20,000
            steps.
    """

    name: ClassVar[str] = "gradient"
    needs_data: ClassVar[bool] = True

    epochs: int = 50
    order: int = 1
    relaxation: str = "softmax"
    optimizer: str = "adam"
    learning_rate: float = 0.025
    arch_learning_rate: float = 0.02

    def __post_init__(self) -> None:
        from nas_nb.evaluate.backend import require_tensorflow

        require_tensorflow("strategy 'gradient', whose net is shared", StrategyError)
        whole_number(self.name, "epochs", self.epochs, 1)
        whole_number(self.name, "order", self.order, 1, 2)
        for option, words in _WORDS.items():
            value = getattr(self, option)
            if value not in words:
                raise StrategyError(
                    f"Strategy 'gradient' expected `{option}` to be {' or '.join(words)}. "
                    f"Received: {option}={value!r}.{nearest(str(value), words)}"
                )
        for option in ("learning_rate", "arch_learning_rate"):
            value = getattr(self, option)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 < value < float("inf"):
                raise StrategyError(
                    f"Strategy 'gradient' expected `{option}` to be a number above 0. "
                    f"Received: {option}={value!r}."
                )

    def check_space(self, space: SearchSpace) -> None:
        """Raises a `StrategyError` if the space has no shared net."""
        refuse_unshareable(self.name, space, mixed=True)

    def prepare(
        self, space: SearchSpace, data: Data, journal: Journal, control: Control, seed: int
    ) -> None:
        """Trains the mixture and writes its weights after each epoch into the journal."""
        from nas_nb.evaluate.supernet.differentiable import Descent, DifferentiableSupernet

        if self._learned(journal.history) is not None:
            return
        descent = Descent(
            order=self.order,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            arch_learning_rate=self.arch_learning_rate,
            gumbel=self.relaxation == "gumbel",
        )
        supernet = DifferentiableSupernet(space, data, descent, seed=seed)

        def on_epoch(
            epoch: int, logs: Mapping[str, float], mixing: Mapping[str, Weighed], duration_s: float
        ) -> None:
            detail = {
                "epoch": epoch,
                "epochs": self.epochs,
                "options": self.options,
                "logs": dict(logs),
                "mixing": Mixing(mixing).listed,
            }
            journal.append("prepared", strategy=self.name, what="mixing", detail=detail)

        # Algorithm 1: eq. (6) for the mixture, a step of the weights, in turn until convergence.
        supernet.train(epochs=self.epochs, on_epoch=on_epoch, control=control)

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns the derived architecture, then others drawn by their weights, each once."""
        mixture = self._learned(history)
        if mixture is None:
            refuse_unprepared(self, "derives architectures from a mixture")
        # Algorithm 1, last line: o = argmax alpha_o of each mixed operation (section 2.2).
        point = mixture.derived(self.domain)
        for _ in range(_DRAWS):
            if not history.has_tried(point):
                return point
            point = mixture.drawn(self.domain, rng)
        return sample_new(self.domain, history, rng)

    def _learned(self, history: History) -> Mixing | None:
        """Returns the mixture of the last epoch, once all epochs are done."""
        detail = prepared(self, "mixing", history)
        if detail is None or detail["epoch"] != self.epochs:
            return None
        return Mixing.of(detail["mixing"])
