"""A prior: the trials of another search as knowledge for strategies, and not as trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nas_nb.data.dataset import data_differences
from nas_nb.errors import SearchError, tell
from nas_nb.record.events import EventKind
from nas_nb.record.history_state import PRIOR
from nas_nb.search.folder import named_folder, read_history, space_differences
from nas_nb.strategy.base import Candidate, Proposal, select_informative

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.journal import Journal
    from nas_nb.record.trial import Trial, Values
    from nas_nb.strategy.base import Strategy

MOST = 1000
"""Trials of a prior that are kept, the best and the latest."""


@dataclass(frozen=True)
class Prior:
    """Another search: where it is, what opened it, and the trials of it that are used."""

    folder: Path
    opening: Mapping[str, Any]
    trials: tuple[Trial, ...]

    @property
    def began(self) -> dict[str, Any]:
        """What tells the other search from any other, wherever its folder is."""
        return {name: self.opening.get(name) for name in ("search", "seed", "time")}

    def record(self, journal: Journal) -> None:
        """Writes a copy of the trials, once: the other search may go on, or be deleted."""
        if journal.history.prior:
            return
        trials = [
            {"values": trial.values, "score": trial.score, "costs": trial.costs}
            for trial in self.trials
        ]
        detail = {"folder": str(self.folder), "began": self.began, "trials": trials}
        journal.append(EventKind.PREPARED, strategy=PRIOR, what=PRIOR, detail=detail)


def as_prior(given: Any, history: History, opening: Mapping[str, Any]) -> Prior:
    """Returns the prior meant by a search or its folder, for a search with such an opening."""
    if isinstance(given, str | Path):
        folder = named_folder(given)
        found = read_history(folder)
    elif hasattr(given, "history") and hasattr(given, "directory"):
        folder, found = given.directory, given.history.snapshot()
    else:
        raise SearchError(
            "Expected `prior` to be another search, or its folder. "
            f"Received: {given!r} (of type {type(given).__name__})."
        )
    if not found.completed:
        raise SearchError(
            f"Expected a prior with completed trials. Received: {folder}, which has none."
        )
    first = found.opened[0]
    full = [t for t in found.completed if t.fidelity.get("epochs") in (None, found.full_epochs)]
    prior = Prior(
        folder, first, tuple(select_informative(full or found.completed, found.sign, MOST))
    )
    _check(prior, found.opened[-1], opening)
    _check_began(prior, history)
    if not history.prior:
        _tell_differences(found.opened[-1], opening)
    return prior


def _check(prior: Prior, theirs: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Checks that scores and values mean the same in both searches."""
    for name in ("objective", "direction"):
        if theirs.get(name) != own.get(name):
            raise SearchError(
                f"Expected a prior with the same {name}, {own.get(name)}. Received: "
                f"{prior.folder} with {theirs.get(name)}."
            )
    differ = space_differences(theirs.get("space"), own.get("space"))
    if differ:
        raise SearchError(
            f"Expected a prior of the same search space. Received: {prior.folder} with "
            f"{'; '.join(differ)}."
        )


def _check_began(prior: Prior, history: History) -> None:
    """Checks that a search that has begun did so with this prior."""
    if not history.trials:
        return
    told = [event["detail"] for event in history.prepared if event["what"] == PRIOR]
    if not told or told[-1].get("began") != prior.began:
        began = f"with the prior {told[-1].get('folder')}" if told else "without a prior"
        raise SearchError(
            f"Expected the prior that the search began with: it began {began}. Received: "
            f"{prior.folder}. Give another `directory`."
        )


def _tell_differences(theirs: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Says where the scores of the prior were measured in another way."""
    found = []
    if (known := (theirs.get("identity") or {}).get("data")) is not None:
        found += data_differences(known, own["identity"]["data"])
    if theirs.get("fidelity") != own.get("fidelity"):
        found.append(f"fidelity {theirs.get('fidelity')}, now {own.get('fidelity')}")
    if found:
        tell(f"The scores of the prior are taken as they are, but differ in: {'; '.join(found)}.")


class PriorView:
    """A history as strategies see it: what completed begins with the trials of the prior."""

    # What was tried here, counted and numbered, stays that of this search: architectures of the
    # prior may be proposed, and the best of them is, first.

    def __init__(self, own: History) -> None:
        self._own = own
        self.completed = (*own.prior, *own.completed)
        self.finished = (*own.prior, *own.finished)

    def __getitem__(self, number: int) -> Trial:
        return self._own.prior[number] if number < 0 else self._own[number]

    def __len__(self) -> int:
        return len(self._own)

    def root_of(self, number: int) -> int:
        """As `History.root_of`."""
        return number if number < 0 else self._own.root_of(number)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


def with_prior(history: History, strategy: Strategy) -> History:
    """Returns the history that a strategy is to see."""
    return cast("History", PriorView(history)) if strategy.uses_prior(history) else history


def first_of_prior(history: History, strategy: Strategy) -> Candidate | None:
    """Returns the best architecture of the prior where a search begins with it."""
    if history.trials or not strategy.uses_prior(history):
        return None
    inside = [trial for trial in history.prior if strategy.domain.contains(trial.values)]
    best = max(inside, key=lambda trial: history.sign * (trial.score or 0.0), default=None)
    return None if best is None else Candidate(best.values, "best of the prior")


def own_ancestors(made: Proposal) -> Proposal:
    """Returns a proposal that names no trial of a prior, whose weights nobody has."""
    values: Values = made.values
    if isinstance(values, Candidate) and any(number < 0 for number in values.ancestors):
        own = [number for number in values.ancestors if number >= 0]
        values = Candidate(values, values.how, own)
    parent = made.parent if made.parent is None or made.parent >= 0 else None
    return Proposal(cast("dict[str, Any]", values), made.fidelity, parent)
