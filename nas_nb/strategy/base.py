"""`Strategy`, `Proposal`; new samples and mutants; the trials to learn from."""

from __future__ import annotations

import dataclasses
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, cast

import numpy as np

from nas_nb.errors import LARGEST, SpaceError, StrategyError, check_whole, nearest, shown
from nas_nb.record.trial import plain, sign_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from nas_nb.data.dataset import Data
    from nas_nb.evaluate.training_state import TrainingControl
    from nas_nb.record.history import History
    from nas_nb.record.journal import Journal
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.search_space import SearchSpace

_DRAWS = 256
_DRAWS_OF_INFINITE = 4096
_POOL = 4096


class SpaceExhausted(StrategyError):  # noqa: N818 - it is an end, not a mistake
    """Every architecture of the space has been tried: the search is over."""


@dataclass(frozen=True)
class Strategy(ABC):
    """Proposes the next architecture from what happened so far.

    A strategy has no state. All it may use is the history, its options (the fields of the
    dataclass) and the generator that it is handed, which is derived from the search's seed and
    the trial's number. So resuming a search is replaying it, and the strategy may be changed
    half-way.

    Subclasses are frozen dataclasses. Their fields are the options, declared by `option`, with
    the paper's names; what these mean becomes the `Args` of the class's docstring.

    Args:
        domain: The space to propose from. Usually left out, and bound later by `over`.
    """

    name: ClassVar[str]
    needs_data: ClassVar[bool] = False
    """Whether it can't propose before `prepare`: only a `Search` has data, an oracle has none."""

    design: ClassVar[str] = ""
    """The option that says how many trials its initial design has; "" for none."""

    learns: ClassVar[bool] = True
    """Whether it learns from the trials of a prior, which is in place of an initial design."""

    several: ClassVar[str] = "goes by {score} alone; {costs} count only in the front"
    """What it makes of several objectives."""

    domain: Domain = field(default=cast("Domain", None), kw_only=True, repr=False)

    def __init_subclass__(cls) -> None:
        """Lists the options in the docstring, where it does not list them itself."""
        told = "".join(f"    {name}: {about}\n" for name, about in option_help(cls).items())
        own = inspect.cleandoc(cls.__doc__ or "")
        if told and "\nArgs:\n" not in own:
            cls.__doc__ = f"{own}\n\nArgs:\n{told}"

    def __post_init__(self) -> None:
        check_options(type(self), self.name, self.options)
        lowest, most = self.options.get("min_epochs"), self.options.get("max_epochs")
        if isinstance(lowest, int) and most is not None:
            check_whole(f"Strategy '{self.name}'", "max_epochs", most, lowest, error=StrategyError)

    @abstractmethod
    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value] | Proposal:
        """Returns the values of the next architecture: legal, and never tried before.

        A strategy that works with fidelities returns a `Proposal`; then the same values may come
        again, at another fidelity.

        Args:
            history: What happened so far; only read.
            rng: The only source of randomness.

        Returns:
            Values of the active parameters of `domain`.

        Raises:
            SpaceExhausted: No architecture is left that was not tried.
        """

    @property
    def has_rungs(self) -> bool:
        """Whether it trains some architectures for fewer epochs than others."""
        return "max_epochs" in self.options and self.options.get("min_epochs", 1) is not None

    @property
    def needs_epochs(self) -> bool:
        """Whether somebody has to tell it the epochs of a full training: a `Search` does."""
        return self.has_rungs and self.options["max_epochs"] is None

    def check_space(self, space: SearchSpace) -> None:  # noqa: B027 - most take any space
        """Raises a `StrategyError` for a space that it can't search; asked before it runs."""

    def prepare(  # noqa: B027 - most strategies have nothing to prepare
        self, space: SearchSpace, data: Data, journal: Journal, control: TrainingControl, seed: int
    ) -> None:
        """Does what has to be done once, on the data, before the first proposal.

        A proposal is a function of the history, so what is found out here goes into the journal, as
        `prepared` events. The search calls it at each start: it skips what the history holds
        already.

        Args:
            space: The search's space, bound to the data.
            data: What the search trains on.
            journal: Where to write; its history says what is known already.
            control: Asked now and then; True means: return at once.
            seed: The search's seed.
        """

    def reason(self, history: History) -> str | None:
        """Returns why it proposes as it does, in a sentence; None where its name says enough."""
        return self.design_text(history)

    def objectives_text(self, history: History) -> str:
        """Returns what it makes of several objectives, in a clause."""
        return self.several.format(score=history.objective, costs=" and ".join(history.minimised))

    def uses_prior(self, history: History) -> bool:
        """Whether it learns from the trials of a prior: rungs continue trials of their own."""
        return self.learns and not self.has_rungs

    def full_reason(self, history: History) -> str | None:
        """Returns the reason, and what it makes of several objectives and of a prior."""
        told = [self.reason(history)]
        if history.minimised:
            told.append(f"It {self.objectives_text(history)}.")
        if history.prior:
            used = "learns, too, from" if self.uses_prior(history) else "makes no use of"
            told.append(f"It {used} the {len(history.prior)} trials of the prior.")
        return " ".join(filter(None, told)) or None

    def wanted_design(self, history: History) -> int:
        """Returns how many trials its initial design has where the budget allows; 0 for none."""
        return int(getattr(self, self.design)) if self.design else 0

    def initial_design(self, history: History) -> int:
        """Returns how many trials its initial design has: at most a third of a known budget."""
        third = self.planned_trials(history) / 3
        wanted = self.wanted_design(history)
        return wanted if wanted <= third else max(1, int(third))

    def design_text(self, history: History) -> str | None:
        """Returns the size of the initial design in a sentence, once the budget says trials."""
        planned = self.planned_trials(history)
        if not self.wanted_design(history) or planned == math.inf:
            return None
        made = self.initial_design(history)
        if len(history.completed) >= made:
            return f"its initial design of {made} of {int(planned)} trials is over."
        ended = "is" if made == 1 else "are"  # trials of a smaller budget may be none of it
        return f"its initial design lasts until {made} of {int(planned)} trials {ended} completed."

    def planned_trials(self, history: History) -> float:
        """Returns how many trials the search's budget allows; infinity where nobody can tell.

        Epochs count in full trainings, seconds in trials as long as those so far; neither counts
        where trainings differ in length.
        """
        budget, full = history.budget, history.full_epochs
        counts = [budget.get("max_trials")]
        if not self.has_rungs and full and budget.get("max_epochs"):
            counts.append(budget["max_epochs"] / full)
        if not self.has_rungs and history.busy_s and budget.get("max_time_s"):
            ended = len(history.trials) - len(history.unfinished)
            counts.append(budget["max_time_s"] * ended / history.busy_s)
        return min((count for count in counts if count), default=math.inf)

    @property
    def inherits(self) -> bool:
        """Whether its trials start from the weights of others: more are kept then."""
        return False

    def over(self, domain: Domain) -> Self:
        """Returns a copy of this strategy that proposes from `domain`, each architecture once."""
        return dataclasses.replace(self, domain=domain.distinct)

    @property
    def options(self) -> dict[str, Value | None]:
        """The options by name, as the journal keeps them."""
        return {name: getattr(self, name) for name in self.option_names()}

    @classmethod
    def option_names(cls) -> tuple[str, ...]:
        """The names of the options."""
        return tuple(option_fields(cls))


_KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "int": ("a whole number", (int,)),
    "float": ("a number", (int, float)),
    "bool": ("True or False", (bool,)),
    "str": ("text", (str,)),
}


class Legal(NamedTuple):
    """Which values an option takes; `words` are the texts to choose from, none for any text."""

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    words: tuple[str, ...] = ()

    def admits(self, value: Any) -> bool:
        """Whether a value of the right type is within the limits."""
        if isinstance(value, str):
            return value in self.words if self.words else bool(value)
        return (
            abs(value) <= LARGEST
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """The limits in words, as in ", above 0 and below 1"."""
        if self.words:
            return f", one of {', '.join(self.words)}"
        limits = {
            "{:g} or more": self.low,
            "above {:g}": self.above,
            "{:g} at most": self.high,
            "below {:g}": self.below,
        }
        told = [text.format(limit) for text, limit in limits.items() if limit is not None]
        return f", {' and '.join(told)}" if told else ""


def option(default: Any, about: str, **legal: Any) -> Any:
    """Declares an option of a strategy, a field of its dataclass."""
    return field(default=default, metadata={"about": about, "legal": Legal(**legal)})


def option_fields(strategy: type) -> dict[str, dataclasses.Field[Any]]:
    """Returns the fields of a class that are options, even before it is a dataclass itself."""
    found: dict[str, dataclasses.Field[Any]] = {f.name: f for f in dataclasses.fields(strategy)}
    found |= {n: own for n, own in vars(strategy).items() if isinstance(own, dataclasses.Field)}
    return {name: field for name, field in found.items() if name != "domain"}


def option_help(strategy: type) -> dict[str, str]:
    """Returns what each option of a strategy means, and its limits, in a sentence."""
    told = {name: field.metadata for name, field in option_fields(strategy).items()}
    return {n: f"{own['about'].removesuffix('.')}{own['legal']}." for n, own in told.items() if own}


def check_options(strategy: type, name: str, options: Mapping[str, Any]) -> None:
    """Raises a `StrategyError` for a value of another type than its field's, or out of limits."""
    fields = option_fields(strategy)
    for own, value in options.items():
        kind, _, optional = _written(fields[own].type).partition(" | ")
        if kind not in _KINDS or optional not in ("", "None") or (value is None and optional):
            continue
        wanted, types = _KINDS[kind]
        legal: Legal = fields[own].metadata.get("legal", Legal())
        # True is an int to Python, and a mistake here.
        fits = isinstance(value, types) and (kind == "bool" or not isinstance(value, bool))
        if not fits or not legal.admits(value):
            raise StrategyError(
                f"Strategy '{name}' expected `{own}` to be {wanted}{legal}"
                f"{' or None' if optional else ''}. Received: {own}={shown(value)}."
                f"{nearest(str(value), legal.words)}"
            )


def _written(kind: Any) -> str:
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))


def sample_new(
    domain: Domain | None, history: History, rng: np.random.Generator, tries: int | None = None
) -> Candidate:
    """Returns a random architecture that was never tried."""
    if domain is None:
        raise StrategyError(
            "Expected a strategy that is bound to a space. Received: one without. Bind it with "
            "`strategy.over(space.domain)`, or leave that to Search."
        )
    finite = isinstance(domain.size, int)
    tries = (_DRAWS if finite else _DRAWS_OF_INFINITE) if tries is None else tries
    for _ in range(tries):
        values = domain.sample(rng)
        if not history.has_tried(values):
            return Candidate(values, "drawn")
    if not finite:
        raise SpaceExhausted(
            f"{tries} draws from the space met no architecture that is new. Its free part "
            "seems used up: widen the space, or end the search here."
        )
    untried = (values for values in domain.enumerate() if not history.has_tried(values))
    # The pool bounds the memory: it matters for huge spaces whose draws all fall in one corner.
    pool = list(islice(untried, _POOL))
    if not pool:
        raise SpaceExhausted(
            f"All {domain.size} architectures of the space have been tried. The search is "
            "complete: widen the space to go on."
        )
    return Candidate(pool[int(rng.integers(len(pool)))], "drawn")


def refuse_without_data(strategy: Strategy) -> None:
    """Raises a `StrategyError` if the strategy can't run where there is no data."""
    if strategy.needs_data:
        raise StrategyError(
            f"Expected a strategy that proposes from scores alone. Received: '{strategy.name}', "
            "which first trains on data, and here there is no data: run it as "
            f"nas.Search(space, data, strategy='{strategy.name}')."
        )


def refuse_without_epochs(strategy: Strategy) -> None:
    """Raises a `StrategyError` if the strategy has to be told the epochs of a full training."""
    if strategy.needs_epochs:
        raise StrategyError(
            f"Strategy '{strategy.name}' expected the option max_epochs=..., the epochs of a full "
            "training, since an oracle is not told them by a search. Received: none. It also takes "
            'a tuner that trains a trial for the epochs in its value "tuner/epochs", such as '
            "nas.Tuner."
        )


def proposal_rng(seed: int, number: int) -> np.random.Generator:
    """Returns the generator for a trial's proposal: a function of seed and number alone."""
    return np.random.default_rng(np.random.SeedSequence([seed, number]))


class Candidate(dict[str, "Value"]):
    """The values of an architecture, and how they were found."""

    def __init__(self, values: Values, how: str, ancestors: Sequence[int] = ()) -> None:
        super().__init__(values)
        self.how = how
        self.ancestors = tuple(ancestors)


@dataclass(frozen=True)
class Proposal:
    """What a strategy asks for where the architecture alone would not say it.

    A strategy that trains every architecture in full returns plain values. One that works with
    fidelities returns a proposal: a low fidelity first, and for what is promoted a new trial whose
    `parent` is the earlier one.

    Args:
        values: The architecture's choices.
        fidelity: What differs from the search's own grant: "epochs" (in all, those of the
            parent that is continued included), "data_fraction" (of the training samples, above 0 to
            1), "executions_per_trial" (trainings from different seeds).
        parent: The trial whose weights it starts from, or None. With the same values it is
            continued, optimizer's state included; with others it inherits what overlaps.

    Raises:
        StrategyError: There is no such fidelity, or it is out of its range.
    """

    values: dict[str, Value]
    fidelity: dict[str, float] = field(default_factory=dict)
    parent: int | None = None

    @property
    def lineage(self) -> dict[str, Any]:
        """How the values were found, as the journal keeps it; nothing where nobody says."""
        if not isinstance(self.values, Candidate):
            return {}
        ancestors = self.values.ancestors
        return {"how": self.values.how, **({"ancestors": list(ancestors)} if ancestors else {})}

    def __post_init__(self) -> None:
        if not isinstance(self.fidelity, Mapping):
            raise StrategyError(
                "Expected the fidelity of a proposal to be a dict, as in {'epochs': 3}. "
                f"Received: {self.fidelity!r} (of type {type(self.fidelity).__name__})."
            )
        for name, given in self.fidelity.items():
            amount = plain(given)
            if name in WHOLE_FIDELITIES:
                legal = isinstance(amount, int) and not isinstance(amount, bool) and amount >= 1
                wanted = "a whole number, 1 or more"
            elif name in SHARE_FIDELITIES:
                legal = isinstance(amount, (int, float)) and 0 < amount <= 1
                wanted = "a number above 0 and at most 1"
            else:
                legal, wanted = False, f"one of {', '.join((*WHOLE_FIDELITIES, *SHARE_FIDELITIES))}"
            if not legal:
                raise StrategyError(
                    f"Expected a fidelity that is {wanted}. Received: {name}={given!r}."
                )


@dataclass(frozen=True)
class RandomSubstitute(Proposal):
    """A random architecture in place of one that repeats a trial; the record says so."""

    repeated: int = 0


WHOLE_FIDELITIES = ("epochs", "executions_per_trial")
SHARE_FIDELITIES = ("data_fraction",)

_MUTATIONS = 64


def new_mutant(
    domain: Domain,
    parent: Values,
    history: History,
    rng: np.random.Generator,
    how: str = "mutated",
    ancestors: Sequence[int] = (),
) -> Candidate:
    """Returns a mutant of `parent` that was never tried; `how` and `ancestors` say whose it is."""
    # The first half of the attempts is one change away; the second walks on from mutant to mutant.
    try:
        child = dict(parent)
        for mutation in range(_MUTATIONS):
            child = domain.mutate(parent if mutation < _MUTATIONS // 2 else child, rng)
            if not history.has_tried(child):
                return Candidate(child, how, ancestors)
    except SpaceError:  # there is nothing to change
        return sample_new(domain, history, rng)
    return sample_new(domain, history, rng)


def select_informative(trials: Sequence[Trial], sign: float, window: int) -> list[Trial]:
    """Returns up to `window` trials: the best of the older ones, and the latest half of it."""
    if len(trials) <= window:
        return list(trials)
    older, latest = trials[: -(window // 2)], trials[-(window // 2) :]
    scored = [trial for trial in older if trial.score is not None]
    best = nsmallest(window - len(latest), scored, key=lambda trial: -sign * (trial.score or 0.0))
    return [*best, *latest]


def is_continuation(trials: Sequence[Trial], earlier: Sequence[Trial]) -> bool:
    """Whether `trials` are the `earlier` ones and perhaps some more, by the first and the last."""
    # A history grows at its end; where a trial is taken out to be trained on, later ones move up.
    count = len(earlier)
    if not count or len(trials) < count:
        return not count
    return trials[0] is earlier[0] and trials[count - 1] is earlier[-1]


def single_blas_thread() -> AbstractContextManager[Any]:
    """Returns a context in which linear algebra uses a single thread."""
    # With matrices as small as a proposal's, threads wait for each other a hundred times longer
    # than they work on a busy machine; and the last digits would depend on how many there are.
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited


@lru_cache(maxsize=1)
def _controller() -> Any:
    """Cached: looking for the loaded libraries takes milliseconds."""
    import scipy.linalg  # noqa: F401 - so that its library is among those that are loaded
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def liars(history: History, domain: Domain, trials: Sequence[Trial]) -> list[Trial]:
    """Returns the pending trials, as if each had the mean score of those that are known."""
    # The constant liar, CL-mean: Ginsbourger, Le Riche & Carraro, Kriging Is Well-Suited to
    # Parallelize Optimization, 2010, section 4.2. With one worker nothing is pending.
    pending = [trial for trial in history.pending if domain.contains(trial.values)]
    known = [trial.score for trial in trials if trial.score is not None] if pending else []
    mean = sum(known) / len(known) if known else None
    return [dataclasses.replace(trial, score=mean) for trial in pending if mean is not None]


def best_of(trials: Sequence[Trial], count: int, direction: str) -> list[Trial]:
    """Returns the best trials, the best first, and of equals the earlier ones: top_k."""
    return sorted(trials, key=lambda trial: -sign_of(direction) * (trial.score or 0.0))[:count]
