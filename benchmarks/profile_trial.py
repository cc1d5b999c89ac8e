"""Where a trial's CPU time goes, and the floor beneath it.

    python -m benchmarks.profile_trial digits mnist-dense --trials 12

KerasTuner searches, then nas_nb trains the same proposals with its functions timed, compiled anew
as in `bench_trials`. The floor is what the same epochs cost in the bare, hand-written compiled loop
of `bench_overhead`: one for each model, traced and warm, without a search around it. No search
that does this arithmetic with these kernels can be cheaper.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from typing import Any

from benchmarks.bench_overhead import bare_loop
from benchmarks.bench_trials import CASES, EPOCHS, Case, search_of, stock
from benchmarks.stages import BOOKKEEPING, Stages
from nas_nb.evaluate.compiled.trace_cache import CACHE
from nas_nb.search.search import Search
from nas_nb.space.search_space import SearchSpace


def profiled(search: Search) -> Stages:
    """Runs a search on this thread, traces and all; returns its time by stages."""
    CACHE.clear()
    stages = Stages()
    with stages.timing(after_epoch=lambda: search.progress):
        search.run()
    return stages


def floor_s(case: Case, proposals: list[dict[str, Any]]) -> float:
    """Returns the CPU seconds a trial of the bare loop, traced and warm."""
    space = case.hypermodel
    space = space if isinstance(space, SearchSpace) else SearchSpace(space)
    space = space.for_data(case.data.spec)
    spent_s = 0.0
    for values in proposals:
        loop = bare_loop(space.build_values(values), case.data)
        loop(1)
        began = time.process_time()
        loop(EPOCHS)
        spent_s += time.process_time() - began
    return spent_s / len(proposals)


def profile(name: str, trials: int, seed: int) -> None:
    case = CASES[name]()
    for count in (2, trials):  # the first time warms up both sides
        with tempfile.TemporaryDirectory() as folder:
            theirs, proposals = stock(case, count, seed, folder)
            stages = profiled(search_of(case, proposals, seed, folder))
    bare_s = floor_s(case, proposals)
    theirs_s, ours_s = theirs.cpu_s / trials, sum(stages.spent_s.values()) / trials
    print(f"{name}: CPU ms a trial, {trials} trials x {EPOCHS} epochs, {CACHE.traced} traces")
    for stage, spent_s in sorted(stages.spent_s.items(), key=lambda item: -item[1]):
        print(f"  {stage:22} {1e3 * spent_s / trials:8.1f}  {stages.share(stage):6.1%}")
    print(f"  {'all of nas_nb':22} {1e3 * ours_s:8.1f}")
    print(f"  {'floor: the bare loop':22} {1e3 * bare_s:8.1f}")
    print(f"  {'KerasTuner':22} {1e3 * theirs_s:8.1f}")
    print(
        f"  nas_nb over KerasTuner {theirs_s / ours_s:.1f}x; the floor alone would be "
        f"{theirs_s / bare_s:.1f}x; promised {case.target:g}x"
    )
    print(f"  journal, checkpoints and progress: {stages.share(*BOOKKEEPING):.1%} of a trial")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="+", choices=sorted(CASES))
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for name in given.cases:
        profile(name, given.trials, given.seed)


if __name__ == "__main__":
    main()
