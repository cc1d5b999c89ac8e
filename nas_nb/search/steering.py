"""Steering: what its user may ask of a search while it runs, and before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SearchError, check_type, check_whole, nearest
from nas_nb.record.events import SteerAction
from nas_nb.record.history_state import QueuedCandidate
from nas_nb.record.trial import Trial, TrialStatus
from nas_nb.search.budget import LIMITS
from nas_nb.search.folder import check_same_search
from nas_nb.search.settings import ActiveSteering, active_steering, as_strategy
from nas_nb.space.restriction import RuleKind, Rules
from nas_nb.space.search_space import Architecture

if TYPE_CHECKING:
    from nas_nb.record.trial import Value
    from nas_nb.search.run import Project
    from nas_nb.space.domain import Domain
    from nas_nb.strategy.base import Strategy


class Steering:
    """`search.steer`: each action is written into the journal, and counts from the next proposal.

    Any thread may call it, widget callbacks included: nothing here waits for a trial or a
    proposal. Before the start and after the end what was asked for is kept for the next run.

    Example:
        ```python
        search.steer.without(layer_1=["Dense"])     # no more Dense first layers
        search.steer.at_least(units=64)             # in every layer: units_1, units_2, ...
        search.space_left                           # how many architectures that leaves
        search.steer.queue(search.best.architecture)
        search.steer.unrestrict()
        ```

    Args:
        project: What is steered.
        on_change: Called after every action.
    """

    def __init__(self, project: Project, on_change: Callable[[], None]) -> None:
        self._project = project
        self._on_change = on_change

    @property
    def rules(self) -> Rules:
        """What restricts the space, in the order in which it was asked for."""
        return self._plan().rules

    @property
    def domain(self) -> Domain:
        """What is left of the space to propose from."""
        return self.rules.narrow(self._project.settings.space.domain)

    @property
    def queued(self) -> tuple[QueuedCandidate, ...]:
        """The hand-made candidates that wait, the next one first."""
        queue = list(self._project.history.queued)
        for event in self._project.steering.waiting:
            if event["action"] == SteerAction.QUEUE:
                queue.append(QueuedCandidate(event["detail"]["values"]))
            elif event["action"] == SteerAction.UNQUEUE:
                queue.clear()
        return tuple(queue)

    def pin(self, **choices: Value | list[Value]) -> None:
        """Lets only one value, or those of a list, be proposed of each choice: `pin(units_1=64)`.

        Raises:
            SpaceError: There is no such choice or value, or nothing would be left.
        """
        self._restrict(RuleKind.PIN, choices)

    def without(self, **choices: Value | list[Value]) -> None:
        """Leaves values of choices out: `without(layer_1=["Dense"])`.

        Raises:
            SpaceError: There is no such choice or value, or nothing would be left.
        """
        self._restrict(RuleKind.WITHOUT, choices)

    def at_least(self, **choices: float) -> None:
        """Leaves smaller numbers out: `at_least(units=64)`, for all of `units_1`, `units_2`, ...

        Raises:
            SpaceError: There is no such choice, it has no numbers, or nothing would be left.
        """
        self._restrict(RuleKind.AT_LEAST, choices)

    def at_most(self, **choices: float) -> None:
        """Leaves larger numbers out: `at_most(units=64)`.

        Raises:
            SpaceError: There is no such choice, it has no numbers, or nothing would be left.
        """
        self._restrict(RuleKind.AT_MOST, choices)

    def unrestrict(self, *names: str) -> None:
        """Lifts the restrictions of these choices; without names, all.

        Raises:
            SearchError: A name is none that was restricted.
        """
        restricted = list(dict.fromkeys(rule.name for rule in self.rules))
        for name in names:
            check_type("names", name, str, "names of choices", error=SearchError)
            if name not in restricted:
                known = f" Restricted are: {', '.join(restricted)}." if restricted else ""
                raise SearchError(
                    f"'{name}' is not restricted.{nearest(name, restricted) or known}"
                )
        if restricted:
            self._write(SteerAction.UNRESTRICT, {"names": list(names)} if names else {})

    def queue(self, candidate: Architecture | Mapping[str, Value] | str) -> None:
        """Lets a hand-made candidate be the next trial; several are taken in order.

        It may be outside of what `pin` and the like have left of the space.

        Args:
            candidate: An architecture of the space, its values, or its published string.

        Raises:
            SpaceError: It is not in the space.
        """
        space = self._project.settings.space
        given = candidate.values if isinstance(candidate, Architecture) else candidate
        # As strategies spell it, so that they know it as tried.
        values = space.domain.distinct.canonical(space.architecture(given).values)
        self._write(SteerAction.QUEUE, {"values": values})

    def unqueue(self) -> None:
        """Drops all hand-made candidates that wait."""
        if self.queued:
            self._write(SteerAction.UNQUEUE, {})

    def stop_trial(self, trial: int | None = None) -> None:
        """Ends a running trial within a batch or a second; the search goes on with the next.

        With an epoch or more it is completed, with its best epoch so far; else it has failed. In
        a paused search that happens on `resume`.

        Args:
            trial: Its number, where workers train several at once; default: the latest.

        Raises:
            SearchError: No trial runs, or not that one.
        """
        number = self._running("stop", trial)
        self._write(SteerAction.STOP_TRIAL, {"trial": number})
        self._project.live_run("stop").control.stop_trial(number)

    def more_epochs(self, trial: int | Trial, epochs: int) -> None:
        """Grants a trial more epochs.

        One that is unfinished is trained so much longer. One that has completed is continued by a
        new trial, the next one, of which it is the parent.

        Args:
            trial: Which one, or its number.
            epochs: How many more, 1 or more.

        Raises:
            SearchError: There is no such trial, or it failed.
        """
        check_whole("", "epochs", epochs, 1)
        number = trial.number if isinstance(trial, Trial) else trial
        trials = self._project.history.trials
        if not isinstance(number, int) or number not in range(len(trials)):
            raise SearchError(
                f"Expected the number of one of {len(trials)} trials, from 0. "
                f"Received: trial={number!r}."
            )
        if trials[number].status is TrialStatus.FAILED:
            raise SearchError(
                f"Trial {number} failed ({trials[number].reason}): more epochs would not mend that."
            )
        self._write(SteerAction.MORE_EPOCHS, {"trial": number, "epochs": epochs})

    def strategy(self, strategy: str | Strategy | Callable[..., Any], **options: Any) -> None:
        """Lets another strategy propose from now on; it sees all trials so far.

        Args:
            strategy: A name, a `Strategy`, or a function `propose(history, rng)`.
            **options: Options of a strategy that is given by name.

        Raises:
            StrategyError: There is no such strategy or option, or it can't search the space.
        """
        made = as_strategy(strategy, self._project.settings.space, options)
        if self._started:
            opening = self._project.settings.with_strategy(made).opening()
            check_same_search(self._project.history, opening, self._project.folder)
            self._write(SteerAction.STRATEGY, self._project.steering.remember(made))
        self._reconfigure({"strategy": made})

    def budget(self, **limits: Any) -> None:
        """Changes limits of the budget; those that are not named stay.

        Args:
            **limits: `max_trials`, `max_time` and the others of `Search`; None lifts one.

        Raises:
            SearchError: There is no such limit.
            BudgetError: A limit makes no sense, or none would be left.
        """
        new = self._project.settings.budget.replaced(**limits)
        if self._started and limits:
            said = {each.field: getattr(new, each.field) for each in LIMITS if each.name in limits}
            self._write(SteerAction.BUDGET, said)
        self._reconfigure(limits)

    def __repr__(self) -> str:
        rules = str(self.rules) or "nothing restricted"
        left, size = self.domain.distinct.size, self._project.settings.space.domain.distinct.size
        return f"<Steering: {rules}; {left:,} of {size:,} left; {len(self.queued)} queued>"

    @property
    def _started(self) -> bool:
        return bool(self._project.history.opened)

    def _plan(self) -> ActiveSteering:
        return active_steering(self._project.history, self._project.steering.waiting)

    def _restrict(self, kind: RuleKind, choices: Mapping[str, Any]) -> None:
        new = Rules.from_json({kind: choices})
        if not new:
            return
        # Together with those that hold: it is refused here, not by the next proposal.
        self.rules.added(new).narrow(self._project.settings.space.domain)
        self._write(SteerAction.RESTRICT, new.to_json())

    def _running(self, action: str, number: int | None) -> int:
        trial, pending = self._project.history.running, self._project.history.pending
        if trial is None or not self._project.state.live:
            raise SearchError(
                f"There is no trial to {action}: the search '{self._project.settings.name}' is "
                f"{self._project.state}, and none runs."
            )
        running = [one.number for one in pending]
        if number is not None and number not in running:
            raise SearchError(
                f"Expected a trial that runs, one of {running}. Received: trial={number!r}."
            )
        return trial.number if number is None else number

    def _write(self, action: SteerAction, detail: dict[str, Any]) -> None:
        self._project.write(action, detail)
        self._on_change()

    def _reconfigure(self, changes: dict[str, Any]) -> None:
        self._project.reconfigure(changes)
        self._on_change()
