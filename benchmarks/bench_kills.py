"""Kills a search at each of the system calls that change its folder, and compares what goes on.

Each kill is a process of its own that ends by SIGKILL; a second one goes on with the folder. Run
as `python -m benchmarks.bench_kills [--every 5]`; it exits with 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


def in_a_child(work: Callable[[], None]) -> int:
    """Runs work in a fork of this process, and returns how that ended."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the child says what it was, and ends
            print(f"{type(error).__name__}: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="try every n-th call")
    every = parser.parse_args().every
    # Imported once, and forked before TensorFlow has threads of its own.
    from tests.search.robustness.system_calls import SystemCalls
    from tests.search.robustness.test_kills import found, search_of

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def run(folder: Path, at: int | None = None) -> None:
        with SystemCalls(folder, at=at, then=die) as calls:
            search_of(folder).run()
        if at is None:
            (folder.parent / f"{folder.name}.calls").write_text(str(len(calls.made)))

    def compare(folder: Path, whole: Path) -> None:
        if found(folder) != found(whole):
            raise AssertionError("another search came out")

    lost = []
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "whole"
        assert in_a_child(lambda: run(whole)) == 0
        calls = int((Path(name) / "whole.calls").read_text())
        tried = range(1, calls + 1, every)
        for at in tried:
            folder = Path(name) / f"killed_{at}"
            ended = in_a_child(lambda folder=folder, at=at: run(folder, at))  # type: ignore[misc]
            assert ended == -signal.SIGKILL, ended
            went_on = in_a_child(lambda folder=folder: run(folder))  # type: ignore[misc]
            same = in_a_child(lambda folder=folder: compare(folder, whole))  # type: ignore[misc]
            if went_on or same:
                lost.append(at)
                print(f"killed at call {at} of {calls}: went on {went_on}, same {same}")
    print(f"{len(tried)} kills at {calls} calls: {len(lost)} came out otherwise")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
