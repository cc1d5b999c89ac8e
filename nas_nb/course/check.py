"""`nas.check(strategy, benchmark)`: pass or fail, with reasons that teach."""

from __future__ import annotations

import ctypes
import inspect
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.course.benchmark import Benchmark, benchmark
from nas_nb.errors import SearchError, SpaceError, StrategyError, check_type, check_whole
from nas_nb.record.trial_facts import noise
from nas_nb.space.domain import Domain
from nas_nb.strategy.base import Proposal, SpaceExhausted, proposal_rng
from nas_nb.strategy.function import (
    FunctionStrategy,
    answer_difference,
    call_propose,
    check_answer,
    own_line,
    repeated_trial,
)

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.strategy.base import Strategy
    from nas_nb.strategy.registry import StrategyLike

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
        for finding in self.findings:
            if finding.question == question:
                return finding
        failed = next((f.question for f in self.findings if not f.passed), "that name")
        return Finding(question, False, f"could not be asked, since '{failed}' failed.")

    def __repr__(self) -> str:
        lines = [
            f"{'pass' if finding.passed else 'FAIL'}  {finding.question}: {finding.reason}"
            for finding in self.findings
        ]
        return "\n".join([*lines, "Passed." if self.passed else "Not passed."])


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
    raises or does not end. Of ten legal proposals or more what they show is judged.

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
    asked = _Asked(bench, bench.bound(strategy), seconds_per_call)
    searches: list[History] = []
    while len(searches) < seeds and "time" not in asked.failed:  # each would take its seconds
        searches.append(asked.search(trials, _seed(seed, len(searches))))
    findings, whole = [], len(searches[0])
    if _own(searches[0]) >= _ENOUGH:
        same = asked.search(whole, _seed(seed, 0))
        opposite = asked.search(whole, _seed(seed, 0), of=lambda score: 1 - score)
        findings = [_deterministic(searches[0], same)]
        if findings[0].passed:  # else its proposals differ whatever the scores are
            findings.append(_uses_history(same, opposite))
    findings = [*asked.findings(), *findings]
    if "time" in asked.failed or min(map(_own, searches)) < _ENOUGH:
        return Check(tuple(findings))
    regrets = tuple(bench.regret(history) for history in searches)
    random = _regrets(bench, "random", trials, tuple(range(_RANDOM)))
    own_seeds = tuple(_seed(seed, number) for number in range(seeds))
    goal = _regrets(bench, bench.bound(reference), trials, own_seeds)
    findings.append(_better(regrets, random, goal))
    return Check(tuple(findings), regrets, random, goal)


@lru_cache(maxsize=32)
def _regrets(
    bench: Benchmark, strategy: StrategyLike, trials: int, seeds: tuple[int, ...]
) -> tuple[float, ...]:
    curves = strategy != "random"  # it reads none
    found = (bench.search(strategy, trials, seed, curves=curves) for seed in seeds)
    return tuple(map(bench.regret, found))


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


_FIRST = {
    "runs": "every call returned.",
    "time": "every call ended in time.",
    "legal": "every proposal is an architecture of the space.",
    "new": "no architecture was proposed twice.",
}

_ENOUGH = 10
"""Proposals of its own show whether a strategy is deterministic and uses the history."""

_STAND_IN = "random, as a stand-in"


class _Asked:
    """A strategy that is asked for its own proposals; the first failure of each kind is kept."""

    def __init__(self, bench: Benchmark, strategy: Strategy, seconds: float) -> None:
        self._bench, self._strategy, self._seconds = bench, strategy, seconds
        self._name = strategy.name
        self.failed: dict[str, str] = {}  # the reason, by question

    def findings(self) -> list[Finding]:
        """Returns what came of the questions that each call answers."""
        return [
            Finding(question, question not in self.failed, self.failed.get(question, passed))
            for question, passed in _FIRST.items()
        ]

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
        return history

    def _fail(self, question: str, reason: str) -> None:
        self.failed.setdefault(question, reason)

    def _propose(self, history: History, seed: int) -> dict[str, Any] | Proposal | None:
        """Returns the next proposal; None where none came."""
        strategy, name, number = self._strategy, self._name, len(history)
        try:
            with time_limit(self._seconds):
                rng = proposal_rng(seed, number)
                if isinstance(strategy, FunctionStrategy):
                    made = call_propose(strategy.function, name, history, rng)
                else:
                    made = strategy.propose(history, rng)
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


def _deterministic(first: History, second: History) -> Finding:
    pairs = zip(first.trials, second.trials, strict=False)
    told = ((one.number, answer_difference(one.values, two.values)) for one, two in pairs)
    differs = next((f"proposal {n} differs: {said}" for n, said in told if said is not None), None)
    if differs is None and len(first) != len(second):
        differs = f"the calls gave {len(first)} proposals, then {len(second)}"
    if differs is None:
        return Finding(
            "deterministic", True, "equal histories and generators give equal proposals."
        )
    reason = (
        f"asked twice with equal histories and generators, {differs}. Draw from `rng` alone, and "
        "keep nothing outside the function."
    )
    return Finding("deterministic", False, reason)


def _uses_history(first: History, second: History) -> Finding:
    if [trial.values for trial in first.trials] != [trial.values for trial in second.trials]:
        return Finding("history", True, "opposite scores lead to different proposals.")
    reason = (
        "scores, and the same scores with the opposite sign, led to the very same proposals: what "
        "was measured is not used. Begin with the best trial so far, `history.incumbent`."
    )
    return Finding("history", False, reason)


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
