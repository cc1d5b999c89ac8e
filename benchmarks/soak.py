"""Does a search keep its promises when its kernels are killed, paused, stopped and fed rubbish?

Run it with `python -m benchmarks.soak --trials 500`; a short form of it is a test. The
journals are checked here line by line, without nas_nb's own reader. With `--workers 2` it is the
workers of one kernel that are killed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEPT_CHECKPOINTS = 5


@dataclass
class Soak:
    """What was done to a search, and the promises that were found broken.

    Attributes:
        kills: Kernels that were killed while the search ran.
        counts: How often each kind of event stands in the journal.
        broken: The promises that were not kept, one sentence each.
    """

    kills: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def check(self, kept: bool, promise: str) -> None:
        """Notes a promise that was not kept."""
        if not kept:
            self.broken.append(promise)


def run_soak(folder: Path, trials: int, kills: int, seed: int = 0) -> Soak:
    """Runs the search of `soak_worker` under damage, checks it, and compares it with a calm one.

    Args:
        folder: Where both searches are.
        trials: Trials of the search.
        kills: How many kernels to kill.
        seed: Decides when.
    """
    soak, chance = Soak(), random.Random(seed)
    damaged, calm = folder / "damaged", folder / "calm"
    while soak.kills < kills and _finished(damaged) < trials:
        _run_and_kill(damaged, trials, chance, soak, share=(soak.kills + 1) / (kills + 1))
    _worker(damaged, trials, chance.randrange(10**6)).wait()
    _worker(calm, trials).wait()
    _check_journal(_events(damaged), trials, soak)
    _check_checkpoints(damaged, soak)
    _check_same(_events(damaged), _events(calm), soak)
    return soak


def run_worker_soak(folder: Path, trials: int, kills: int, workers: int, seed: int = 0) -> Soak:
    """Runs the search of `soak_worker` in one kernel, kills its workers, and checks its journal.

    Args:
        folder: Where the search is.
        trials: Trials of the search.
        kills: How many worker processes to kill.
        workers: How many there are.
        seed: Decides when.
    """
    from benchmarks.soak_worker import make_search

    soak, chance = Soak(), random.Random(seed)
    search = make_search(folder, trials, workers).start()
    while search.state.live and soak.kills < kills:
        if search.state == "paused":
            search.resume()  # ten failures in a row pause it
        busy = [worker for worker in search.workers if worker.trial is not None]
        due = len(search.history.finished) >= trials * (soak.kills + 1) / (kills + 1)
        if due and busy:
            time.sleep(chance.uniform(0.0, 0.5))
            with suppress(ProcessLookupError):
                os.kill(chance.choice(busy).process_id or 0, signal.SIGKILL)
                soak.kills += 1
        time.sleep(0.02)
    while search.state.live:
        if search.state == "paused":
            search.resume()
        time.sleep(0.1)
    search.wait()
    _check_journal(_events(folder), trials, soak)
    _check_checkpoints(folder, soak)
    blamed = [t.number for t in search.history if "ended its worker" in str(t.reason)]
    soak.check(not blamed, f"No trial is blamed for a kill: {blamed}")
    return soak


def _run_and_kill(
    folder: Path, trials: int, chance: random.Random, soak: Soak, share: float
) -> None:
    """Lets a kernel work until its share of the trials is done, and kills it at some moment."""
    before = _whole(folder)
    worker = _worker(folder, trials, chance.randrange(10**6))
    while worker.poll() is None and _finished(folder) < share * trials:
        time.sleep(0.05)
    time.sleep(chance.uniform(0.0, 0.5))
    if worker.poll() is None:
        worker.send_signal(signal.SIGKILL)
        soak.kills += 1
    if worker.wait() > 0:  # by itself; a kill is below 0
        raise RuntimeError(f"A kernel of the soak failed: see {worker.args!r}")
    soak.check(_whole(folder).startswith(before), "What was written once is never changed.")


def _worker(folder: Path, trials: int, *seed: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.soak_worker", str(folder), str(trials)]
    return subprocess.Popen([*command, *map(str, seed)], cwd=ROOT, stderr=subprocess.DEVNULL)


def _whole(folder: Path) -> bytes:
    """The journal's bytes without a torn last line."""
    journal = folder / "journal.jsonl"
    text = journal.read_bytes() if journal.is_file() else b""
    return text[: text.rfind(b"\n") + 1]


def _events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _whole(folder).splitlines()]


def _finished(folder: Path) -> int:
    ends = ('"status": "completed"', '"status": "failed"')
    return sum(any(end.encode() in line for end in ends) for line in _whole(folder).splitlines())


def _check_journal(events: Sequence[dict[str, Any]], trials: int, soak: Soak) -> None:
    """Checks one journal by itself."""
    soak.counts.update(event["event"] for event in events)
    state: dict[int, str] = {}
    trained: dict[int, int] = {}
    for event in events:
        number = event.get("trial")
        if event["event"] == "trial_proposed":
            soak.check(number == len(state), "Trials are numbered in the order of proposal.")
            state[number] = "proposed"
        elif number is not None:
            over = state.get(number) in ("completed", "failed")
            soak.check(not over, f"Nothing happens to a trial that is over: {event}")
        if event["event"] == "trial_started":
            kept = event.get("from_epoch") or 0
            soak.counts["continued"] += kept > 0
            soak.check(kept <= trained.get(number, 0), f"What counts on was trained: {event}")
            trained[number] = kept
        if event["event"] == "epoch_ended":
            trained[number] = trained.get(number, 0) + 1
            soak.check(event["epoch"] == trained[number], f"No epoch is left out: {event}")
        if event["event"] == "trial_ended":
            state[number] = event["status"]
            soak.counts[event["status"]] += 1
            soak.check(event["status"] != "failed" or bool(event["reason"]), "Failures say why.")
    ended = sum(status in ("completed", "failed") for status in state.values())
    soak.check(ended == trials, f"Every trial of the budget ends: {ended} of {trials} did.")
    values = [json.dumps(e["values"]) for e in events if e["event"] == "trial_proposed"]
    soak.check(len(values) == len(set(values)), "No architecture is proposed twice.")


def _check_checkpoints(folder: Path, soak: Soak) -> None:
    """Checks that the weights on disk are those of the best trials."""
    ends = [event for event in _events(folder) if event["event"] == "trial_ended"]
    scores = {e["checkpoint"]: e["score"] for e in ends if e["status"] == "completed"}
    scores.pop(None, None)
    files = {file.name for file in (folder / "checkpoints").iterdir()}
    soak.check(len(files) <= KEPT_CHECKPOINTS, f"At most {KEPT_CHECKPOINTS} checkpoints: {files}")
    soak.check(files <= scores.keys(), f"Every checkpoint belongs to a trial: {files}")
    states = {file.name for file in (folder / "states").iterdir()}
    soak.check(len(states) <= KEPT_CHECKPOINTS, f"At most {KEPT_CHECKPOINTS} states: {states}")
    best = max(scores.values())
    soak.check(best in [scores.get(file) for file in files], "The incumbent keeps its weights.")


def _check_same(
    damaged: Sequence[dict[str, Any]], calm: Sequence[dict[str, Any]], soak: Soak
) -> None:
    """Checks that the search went where it would have gone undisturbed."""
    for name, kind in (("values", "trial_proposed"), ("score", "trial_ended")):
        found = [
            {
                event["trial"]: event[name]
                for event in events
                if event["event"] == kind and event.get("status") != "stopped"
            }
            for events in (damaged, calm)
        ]
        differing = [number for number in found[1] if found[0].get(number) != found[1][number]]
        soak.check(not differing, f"{name} of trials {differing[:5]} differ from a calm search's.")
    curves = [_curves(events) for events in (damaged, calm)]
    differing = [number for number in curves[1] if curves[0].get(number) != curves[1][number]]
    soak.check(not differing, f"Curves of trials {differing[:5]} differ from a calm search's.")


def _curves(events: Sequence[dict[str, Any]]) -> dict[tuple[int, int], dict[str, float]]:
    """What was measured last in each epoch of each trial."""
    return {
        (event["trial"], event["epoch"]): event["logs"]
        for event in events
        if event["event"] == "epoch_ended"
    }


def main() -> None:
    """Prints what was done, and what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="kill so many workers of one kernel in turn")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder, amount = Path(made), (given.trials, given.kills)
        if given.workers:
            soak = run_worker_soak(folder / "search", *amount, given.workers, given.seed)
        else:
            soak = run_soak(folder, *amount, given.seed)
    victims = "workers" if given.workers else "kernels"
    print(f"{soak.kills} {victims} killed; in the journal: {dict(soak.counts)}")
    print("\n".join(soak.broken) or "Every promise was kept.")
    sys.exit(bool(soak.broken))


if __name__ == "__main__":
    main()
