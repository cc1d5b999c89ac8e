"""`nas.check(strategy, benchmark)`: pass or fail, with reasons that teach."""

from __future__ import annotations

import ctypes
import inspect
import math
import pickle
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.course.benchmark import Benchmark, benchmark
from nas_nb.course.table import noticed_reads
from nas_nb.environment import MAX_TIME_S, is_headless
from nas_nb.errors import SearchError, SpaceError, StrategyError, check_type, check_whole, nearest
from nas_nb.record.trial_facts import noise
from nas_nb.space.domain import Domain
from nas_nb.strategy.base import Proposal, SpaceExhausted, proposal_rng
from nas_nb.strategy.function import (
    FunctionStrategy,
    answer_difference,
    call_propose,
    check_answer,
    line_of,
    own_line,
    repeated_trial,
)

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.strategy.base import Strategy
    from nas_nb.strategy.registry import StrategyLike

_QUESTIONS = ("runs", "time", "legal", "new", "deterministic", "history", "regret")

_CAUSES = ("time", "runs", "legal", "history")
"""Failures after which others can't be asked, the gravest first."""

_RANDOM = 200
"""Searches that random search's regret is the mean of."""


@dataclass(frozen=True)
class Finding:
    """What one question came to.

    Attributes:
        question: As "legal".
        passed: Whether it is as it should be.
        reason: A sentence: what was seen and, where it failed, what to change.
    """

    question: str
    passed: bool
    reason: str


@dataclass(frozen=True)
class Check:
    """What `nas.check` found out; its text has a line for each question.

    Attributes:
        findings: The questions that could be asked: after a slip the others are asked all the same.
        regrets: The regret of each search; empty where it did not come to that.
        random: The regrets of random search, from other seeds.
        reference: The regrets of the reference, from the same seeds.
    """

    findings: tuple[Finding, ...]
    regrets: tuple[float, ...] = ()
    random: tuple[float, ...] = ()
    reference: tuple[float, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every question was passed."""
        return all(finding.passed for finding in self.findings)

    def __getitem__(self, question: str) -> Finding:
        """Returns the finding of a question; one that was not asked has failed."""
        if question not in _QUESTIONS:
            raise SearchError(
                f"Expected a question of the check: {', '.join(_QUESTIONS)}. "
                f"Received: {question!r}.{nearest(question, _QUESTIONS)}"
            )
        for finding in self.findings:
            if finding.question == question:
                return finding
        return Finding(question, False, f"could not be asked, since {self._cause(question)}.")

    def __repr__(self) -> str:
        asked, lines = {finding.question for finding in self.findings}, []
        for question in _QUESTIONS:
            if question in asked:
                found = self[question]
                lines.append(f"{'pass' if found.passed else 'FAIL'}  {question}: {found.reason}")
            else:
                lines.append(f"not asked: {question}, since {self._cause(question)}")
        return "\n".join([*lines, "Passed." if self.passed else "Not passed."])

    def _cause(self, question: str) -> str:
        """Returns why a question was not asked."""
        failed = [finding.question for finding in self.findings if not finding.passed]
        if question == "history" and "deterministic" in failed:
            return "'deterministic' failed"
        return f"'{next((name for name in _CAUSES if name in failed), 'runs')}' failed"


def check(
    strategy: StrategyLike,
    on: Benchmark | str = "digits",
    *,
    seeds: int = 50,
    trials: int = 40,
    seed: int = 0,
    reference: StrategyLike = "evolution",
    seconds_per_call: float = 10.0,
) -> Check:
    """Checks a strategy on a benchmark: seconds, and the same result every time.

    It asks whether each proposal is legal and new and comes in time, whether the same history and
    generator give the same proposal, whether the history is used (two opposite score functions
    have to lead to different proposals), and whether the mean regret is below that of random
    search, by a 95 % interval. The reference's regret is told beside it.

    One slip costs one question: a proposal that repeats a trial is one trial less to find
    something, and a random one stands in for one that is not legal. A search ends at a call that
    raises or does not end. Of ten legal proposals or more what they show is judged. What reads
    the benchmark's answers fails the question of the history. A check that takes more than two
    seconds says how far it is; under a grader it ends after 100 s, and the question of time fails.

    Args:
        strategy: A function `propose(history, rng)`, a `Strategy` or a name.
        on: The benchmark, or its name.
        seeds: Searches, 10 or more.
        trials: Proposals a search, 10 or more.
        seed: Of the whole check; `nas.seed_for("student id")` gives each student another one.
        reference: What it is compared with.
        seconds_per_call: The most that one proposal may take, by the clock.

    Returns:
        The findings: `.passed`, and a text with the reasons. In a graded cell:
        ``assert result.passed, result``.

    Raises:
        NasError: An argument makes no sense.

    Example:
        >>> result = nas.check("random", "digits", seeds=10)
        >>> result.passed, result["history"].passed
        (False, False)
    """
    bench = benchmark(on) if isinstance(on, str) else on
    if not isinstance(bench, Benchmark):
        raise SearchError(f"Expected a benchmark or its name. Received: {on!r:.200}.")
    check_whole("", "seeds", seeds, 10, error=SearchError)
    check_whole("", "trials", trials, 10, len(bench), error=SearchError)
    check_whole("", "seed", seed, 0, error=SearchError)
    wanted = "a number of seconds"
    check_type("seconds_per_call", seconds_per_call, (int, float), wanted, error=SearchError)
    searches: list[History] = []
    with _progress((seeds + 2) * trials) as watch:
        asked = _Asked(bench, bench.bound(strategy), seconds_per_call, watch)
        while len(searches) < seeds and not asked.failed.keys() & {"time", "history"}:
            searches.append(asked.search(trials, _seed(seed, len(searches))))
        if _own(searches[0]) >= _ENOUGH and "time" not in asked.failed:
            asked.again(searches[0], _seed(seed, 0))
    findings = asked.findings()
    cheats = asked.failed.get("history", "").endswith(_CHEATS)
    if "time" in asked.failed or cheats or min(map(_own, searches)) < _ENOUGH:
        return Check(tuple(findings))
    regrets = tuple(bench.regret(history) for history in searches)
    blind = _regrets(bench, "random", trials, tuple(range(_RANDOM)))
    own_seeds = tuple(_seed(seed, number) for number in range(seeds))
    goal = _regrets(bench, bench.bound(reference), trials, own_seeds)
    findings.append(_better(regrets, blind, goal))
    return Check(tuple(findings), regrets, blind, goal)


@lru_cache(maxsize=32)
def _regrets(
    bench: Benchmark, strategy: StrategyLike, trials: int, seeds: tuple[int, ...]
) -> tuple[float, ...]:
    curves = strategy != "random"  # it reads none
    found = (bench.search(strategy, trials, seed, curves=curves) for seed in seeds)
    return tuple(map(bench.regret, found))


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


_PASSED = {
    "runs": "every call returned.",
    "time": "every call ended in time.",
    "legal": "every proposal is an architecture of the space.",
    "new": "no architecture was proposed twice.",
    "deterministic": "equal histories and generators give equal proposals.",
    "history": "opposite scores lead to different proposals.",
}

_CHEATS = "reads the benchmark's answers: a strategy may know only its history."

_ENOUGH = 10
"""Proposals of its own show whether a strategy is deterministic and uses the history."""

_STAND_IN = "random, as a stand-in"


class _Asked:
    """A strategy that is asked for its own proposals; the first failure of each kind is kept."""

    def __init__(
        self,
        bench: Benchmark,
        strategy: Strategy,
        seconds: float,
        watch: Callable[[], str | None],
    ) -> None:
        self._bench, self._strategy, self._seconds = bench, strategy, seconds
        self._watch = watch
        self._name = strategy.name
        self.failed: dict[str, str] = {}  # the reason, by question
        self._asked: set[str] = {"runs"}

    def findings(self) -> list[Finding]:
        """Returns what came of the questions that were asked."""
        if "time" in self.failed:
            self._asked.discard("runs")
        return [
            Finding(question, question not in self.failed, self.failed.get(question, passed))
            for question, passed in _PASSED.items()
            if question in self._asked or question in self.failed
        ]

    def again(self, first: History, seed: int) -> None:
        """Repeats a search, with the same scores and with the opposite ones."""
        same = self.search(len(first), seed)
        opposite = self.search(len(first), seed, of=lambda score: 1 - score)
        if "time" in self.failed:
            return
        if (differs := _difference(first, same)) is not None:
            self._fail("deterministic", differs)
        self._asked.add("deterministic")
        if "deterministic" in self.failed:  # its proposals differ whatever the scores are
            return
        self._asked.add("history")
        if _knows_the_best(self._bench, opposite):
            self._fail("history", f"it proposes the best whatever was measured, and so {_CHEATS}")
        elif [trial.values for trial in same.trials] == [t.values for t in opposite.trials]:
            self._fail("history", _UNUSED)

    def search(self, trials: int, seed: int, of: Callable[[float], float] = float) -> History:
        """Runs a search, up to a call without an answer; `of` makes other scores of the table's."""
        history = self._bench.opened(seed, trials, self._name)
        for number in range(trials):
            origin = self._name
            try:
                answer = self._propose(history, seed)
            except StrategyError as error:
                self._fail("legal", f"proposal {number}: {error}{self._other_space()}")
                answer, origin = _drawn(self._bench.space, history, seed), _STAND_IN
            if answer is None:
                break
            earlier = repeated_trial(answer, history)
            if earlier is not None:
                self._fail(
                    "new",
                    f"proposal {number} repeats trial {earlier}, {dict(history[earlier].values)}. "
                    "A second training of it tells nothing new: draw again while "
                    "`history.has_tried(values)`.",
                )
            self._bench.add(history, answer, origin, of)
            if _own(history) > 1:
                self._asked.add("new")
            if (late := self._watch()) is not None:
                self._fail("time", late)
                break
        return history

    def _fail(self, question: str, reason: str) -> None:
        self.failed.setdefault(question, reason)

    def _propose(self, history: History, seed: int) -> dict[str, Any] | Proposal | None:
        """Returns the next proposal; None where none came."""
        strategy, name, number = self._strategy, self._name, len(history)
        try:
            with self._watched(number), time_limit(self._seconds):
                rng = proposal_rng(seed, number)
                if isinstance(strategy, FunctionStrategy):
                    made = call_propose(strategy.function, name, history, rng)
                else:
                    made = strategy.propose(history, rng)
            self._asked |= {"time", "legal"}
            return check_answer(made, name, strategy.domain, history)
        except TimeIsUpError:
            self._fail(
                "time",
                f"proposal {number} took more than {self._seconds:g} s. Does a loop wait for "
                "an architecture that can't come? Give it a number of tries, then draw at random.",
            )
        except SpaceExhausted as error:
            self._fail("runs", f"proposal {number}: {error}")
        except StrategyError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a student's code raises
            notes = " ".join(getattr(error, "__notes__", ()))
            said = f"proposal {number} raised {type(error).__name__}: {error}{own_line(error)}. "
            hint = self._other_space() if isinstance(error, SpaceError) else ""
            self._fail("runs", f"{said}{notes}".strip() + hint)
        return None

    @contextmanager
    def _watched(self, number: int) -> Iterator[None]:
        """Notices what a call may not use, and leaves the session's generators as they were."""
        before = _session_generators()
        with noticed_reads() as reads:
            try:
                yield
            finally:
                after = _session_generators()
                changed = [name for name in before if before[name] != after[name]]
                for name in changed:
                    _GENERATORS[name][1](pickle.loads(before[name]))
                    self._fail(
                        "deterministic",
                        f"proposal {number} draws from `{name}` or seeds it, which the whole "
                        "session shares. Draw from `rng` alone, as in `rng.integers(3)`: it is "
                        "seeded for each proposal.",
                    )
                if reads:
                    self._fail("history", f"proposal {number}{line_of(reads[0])} {_CHEATS}")

    def _other_space(self) -> str:
        """Returns which of the spaces that the function reads is none of the benchmark's."""
        try:
            read = inspect.getclosurevars(getattr(self._strategy, "function", None))  # type: ignore[arg-type]
        except TypeError:  # no function of Python's
            return ""
        for name, value in {**read.globals, **read.nonlocals}.items():
            space = getattr(value, "domain", value)
            if isinstance(space, Domain) and space != self._bench.space:
                return (
                    f" `{name}`, which the function reads, is another space than that of the "
                    f"benchmark '{self._bench.name}': take `nas.benchmark(...).space`."
                )
        return ""


def _drawn(space: Domain, history: History, seed: int) -> dict[str, Any]:
    rng = proposal_rng(seed, len(history))
    while history.has_tried(values := space.sample(rng)):
        pass
    return values


def _own(history: History) -> int:
    """Returns how many proposals are the strategy's own."""
    return sum(trial.origin != _STAND_IN for trial in history.trials)


def _difference(first: History, second: History) -> str | None:
    pairs = zip(first.trials, second.trials, strict=False)
    told = ((one.number, answer_difference(one.values, two.values)) for one, two in pairs)
    differs = next((f"proposal {n} differs: {said}" for n, said in told if said is not None), None)
    if differs is None and len(first) != len(second):
        differs = f"the calls gave {len(first)} proposals, then {len(second)}"
    return differs and (
        f"asked twice with equal histories and generators, {differs}. Draw from `rng` alone, and "
        "keep nothing outside the function."
    )


_UNUSED = (
    "scores, and the same scores with the opposite sign, led to the very same proposals: what "
    "was measured is not used. Begin with the best trial so far, `history.incumbent`."
)


def _knows_the_best(bench: Benchmark, opposite: History) -> bool:
    """Whether the first proposals are all of the best, though the scores told the opposite."""
    own = [trial.values for trial in opposite.trials if trial.origin != _STAND_IN][:_ENOUGH]
    best = [one.values for one in bench.ranked(max(2 * _ENOUGH, len(bench) // 50))]
    return all(values in best for values in own)


_GENERATORS: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "random": (random.getstate, random.setstate),
    "np.random": (partial(np.random.get_state, legacy=False), np.random.set_state),
}
"""Those that a session shares: how their state is read, and set."""


def _session_generators() -> dict[str, bytes]:
    return {name: pickle.dumps(read()) for name, (read, _) in _GENERATORS.items()}


def _better(
    regrets: tuple[float, ...], random: tuple[float, ...], reference: tuple[float, ...]
) -> Finding:
    gap, half = difference(regrets, random)
    told = (
        f"mean regret {np.mean(regrets):.4f} of {len(regrets)} searches; random search "
        f"{np.mean(random):.4f}, reference {np.mean(reference):.4f}. Less random search: "
        f"{gap:.4f}, 95 % interval {gap - half:.4f} to {gap + half:.4f}."
    )
    if gap + half < 0:
        return Finding("regret", True, told)
    worse = "is worse than" if gap - half > 0 else "can't be told from"
    advice = "Does it look near good architectures, and still somewhere new now and then?"
    return Finding("regret", False, f"{told} It {worse} random search. {advice}")


def difference(regrets: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Returns the difference of two means, and half of its 95 % interval."""
    errors = (float(np.std(one, ddof=1)) / math.sqrt(len(one)) for one in (regrets, others))
    return float(np.mean(regrets) - np.mean(others)), noise(*errors)


_GRADED_S = MAX_TIME_S - 20
"""What a check may take under a grader, who ends a cell after 120 s and says nothing."""

_PATIENCE_S = 2.0
"""After it somebody who waits is told how far the check is."""


@contextmanager
def _progress(proposals: int) -> Iterator[Callable[[], str | None]]:
    """Gives what is called after each proposal: it shows how far all is, or says what is too late.

    A line is shown only to somebody who looks, and nothing is left of it.
    """
    began, done, shown, width = time.monotonic(), 0, _PATIENCE_S, 0
    graded = is_headless()
    looked_at = not graded and (sys.stdout.isatty() or "ipykernel" in type(sys.stdout).__module__)

    def watch() -> str | None:
        nonlocal done, shown, width
        done, spent = done + 1, time.monotonic() - began
        pace = f"{done} of {proposals} proposals, {spent / done:.2g} s each"
        if graded and spent > _GRADED_S:
            return (
                f"the check was ended after {_GRADED_S} s, before a grader ends the cell: {pace}. "
                "Make a proposal cheaper: does it go through the whole space, or fit a model anew?"
            )
        if looked_at and spent > shown:
            left = spent / done * (proposals - done)
            line = f"nas.check: {pace}, about {left:.0f} s to go".ljust(width)
            sys.stdout.write(f"\r{line}")
            sys.stdout.flush()
            shown, width = spent + 1, len(line)
        return None

    try:
        yield watch
    finally:
        if width:
            sys.stdout.write(f"\r{'':{width}}\r")
            sys.stdout.flush()


class TimeIsUpError(BaseException):
    """A call took too long. No `Exception`, so that a student's `except` does not hide it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `TimeIsUpError` in this thread once the block took longer, and each second after.

    It comes between two steps of Python code, on every system and in every thread.
    """
    thread, over = threading.get_ident(), threading.Event()

    def watch() -> None:
        left = seconds
        while not over.wait(left):
            _raise_in(thread, TimeIsUpError)
            left = 1.0

    watcher = threading.Thread(target=watch, name="nas_nb-time-limit", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        while watcher.is_alive():
            with suppress(TimeIsUpError):  # one that was on its way comes here at the latest
                over.set()
                watcher.join()


def _raise_in(thread: int, error: type[BaseException]) -> None:
    told = ctypes.c_ulong(thread), ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(*told)
