"""`nas.check(strategy, benchmark)`: pass or fail, with reasons that teach."""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.course.benchmark import Benchmark, benchmark
from nas_nb.errors import SearchError, StrategyError, check_type, check_whole
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

_Z = 1.96
"""A normal interval of 95 %."""

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
        findings: The questions that were asked; a failure of the first ones ends the questions.
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
        return Finding(question, False, "not asked, since an earlier question failed.")

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
    try:
        searches = [asked.search(trials, _seed(seed, number)) for number in range(seeds)]
        same = asked.search(trials, _seed(seed, 0))
        opposite = asked.search(trials, _seed(seed, 0), of=lambda score: 1 - score)
    except _NotPassed as failure:
        return Check((*asked.passed_before(failure.finding), failure.finding))
    findings = [
        *asked.passed_before(None),
        _deterministic(searches[0], same),
        _uses_history(same, opposite),
    ]
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


class _NotPassed(Exception):  # noqa: N818 - it ends the questions, and is no error
    def __init__(self, question: str, reason: str) -> None:
        super().__init__(reason)
        self.finding = Finding(question, False, reason)


_FIRST = {
    "runs": "every call returned.",
    "time": "every call ended in time.",
    "legal": "every proposal is an architecture of the space.",
    "new": "no architecture was proposed twice.",
}


class _Asked:
    """A strategy that is asked for its own proposals: nothing is mended on the way."""

    def __init__(self, bench: Benchmark, strategy: Strategy, seconds: float) -> None:
        self._bench, self._strategy, self._seconds = bench, strategy, seconds
        self._name = strategy.name

    def passed_before(self, failed: Finding | None) -> list[Finding]:
        """Returns the first questions, up to the one that failed."""
        passed = []
        for question, reason in _FIRST.items():
            if failed is not None and question == failed.question:
                break
            passed.append(Finding(question, True, reason))
        return passed

    def search(self, trials: int, seed: int, of: Callable[[float], float] = float) -> History:
        """Runs a search; `of` makes other scores of the table's."""
        history = self._bench.opened(seed, trials, self._name)
        for number in range(trials):
            answer = self._propose(history, proposal_rng(seed, number))
            earlier = repeated_trial(answer, history)
            if earlier is not None:
                raise _NotPassed(
                    "new",
                    f"proposal {number} repeats trial {earlier}, {dict(history[earlier].values)}. "
                    "A second training of it tells nothing new: draw again while "
                    "`history.has_tried(values)`.",
                )
            self._bench.add(history, answer, self._name, of)
        return history

    def _propose(self, history: History, rng: np.random.Generator) -> dict[str, Any] | Proposal:
        strategy, name = self._strategy, self._name
        try:
            with time_limit(self._seconds):
                if isinstance(strategy, FunctionStrategy):
                    made = call_propose(strategy.function, name, history, rng)
                else:
                    made = strategy.propose(history, rng)
            return check_answer(made, name, strategy.domain, history)
        except TimeIsUpError:
            raise _NotPassed(
                "time",
                f"proposal {len(history)} took more than {self._seconds:g} s. Does a loop wait for "
                "an architecture that can't come? Give it a number of tries, then draw at random.",
            ) from None
        except StrategyError as error:
            raise _NotPassed("legal", f"proposal {len(history)}: {error}") from None
        except SpaceExhausted as error:
            raise _NotPassed("runs", f"proposal {len(history)}: {error}") from None
        except Exception as error:
            notes = " ".join(getattr(error, "__notes__", ()))
            raise _NotPassed(
                "runs",
                f"proposal {len(history)} raised {type(error).__name__}: {error}"
                f"{own_line(error)}. {notes}".strip(),
            ) from error


def _deterministic(first: History, second: History) -> Finding:
    for one, two in zip(first.trials, second.trials, strict=True):
        told = answer_difference(one.values, two.values)
        if told is not None:
            reason = (
                f"asked twice with equal histories and generators, proposal {one.number} differs: "
                f"{told}. Draw from `rng` alone, and keep nothing outside the function."
            )
            return Finding("deterministic", False, reason)
    return Finding("deterministic", True, "equal histories and generators give equal proposals.")


def _uses_history(first: History, second: History) -> Finding:
    if any(one.values != two.values for one, two in zip(first.trials, second.trials, strict=True)):
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
    variance = sum(np.var(one, ddof=1) / len(one) for one in (regrets, others))
    return float(np.mean(regrets) - np.mean(others)), _Z * math.sqrt(variance)


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
