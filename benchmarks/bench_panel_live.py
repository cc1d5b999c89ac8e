"""What an open panel takes from the training, and how soon it answers a click.

    python -m benchmarks.bench_panel_live [share|clicks]

Promised: less than 5 % of the training's throughput, and less than 100 ms (median) from a click to
its callback. In a real kernel the same search, trial for trial, takes turns with a panel, without,
and without again. The kernel has one core, as on a small Binder: there all that the panel takes is
lost to the training.

Its share is told twice. Counted: the CPU seconds of the thread that paints, and what the thread
that sends messages takes more than without a panel. Compared: by how much an epoch takes longer,
of CPU seconds and of the clock, which also has what painting slows down elsewhere, and whatever
else the machine does; the comparison of the searches without a panel tells how much that is.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from typing import Any

import psutil
from jupyter_client.manager import start_new_kernel

from benchmarks.bench_panel import CHOICES

PROMISED = 0.05
ROUNDS = 6
SEARCHED, EPOCHS = 60, 20
PANEL, HIDDEN, AGAIN = "panel", "hidden", "hidden again"
CLICKS = 40

PREPARE = f"""
import json, time
import nas_nb as nas
from nas_nb.notebook.panel.panel import Painter
nas.use(nas.load("digits"))
paints = []

def timed(method):
    def run(*args, **kwargs):
        before = time.thread_time()
        try:
            return method(*args, **kwargs)
        finally:
            paints.append((time.monotonic(), time.thread_time() - before))
    return run

Painter._paint_and_end = timed(Painter._paint_and_end)

def sending_s():
    thread = get_ipython().kernel.iopub_thread.thread
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))

def spent(with_panel, trials={SEARCHED}):
    search = nas.Search(
        {CHOICES!r}, strategy="random", max_trials=trials, epochs={EPOCHS}, seed=1
    )
    before = time.process_time()
    if with_panel:
        search.panel()
    opening_s = time.process_time() - before
    paints.clear()
    began, cpu, sent = time.monotonic(), time.process_time(), sending_s()
    search.start()
    search.wait()
    return {{
        "wall_s": time.monotonic() - began,
        "cpu_s": time.process_time() - cpu,
        "sent_s": sending_s() - sent,
        "epochs": search.history.epochs_spent,
        "opening_s": opening_s,
        "paints": [(at - began, cost) for at, cost in paints],
    }}

spent(False), spent(True, 6)  # what only a kernel's first search pays is no panel's
"""
MEASURE = "print(json.dumps([spent(with_panel) for with_panel in {kinds}]))"
TRAIN = f"""
search = nas.Search({CHOICES!r}, strategy="random", max_trials=10_000, epochs=50)
search.panel()
search.start()
panel, arrived = search.listener.painter.panel, []
panel.buttons.primary.on_click(lambda _: arrived.append(time.time()))
panel.buttons._ask = lambda action: None  # the click is counted, and pauses nothing
time.sleep(3)
print(json.dumps(panel.buttons.primary.model_id))
"""
ARRIVED = "search.stop(); search.wait(); print(json.dumps(arrived))"


def bench_share(client: Any) -> None:
    """Measures what the panel takes, round by round."""
    runs: list[dict[str, Any]] = []
    for number in range(ROUNDS):
        runs.append(one_round(client, number))
        print_round(number, runs[-1])
    print_counted(runs)
    for kind, label in ((PANEL, "panel"), (AGAIN, "no panel (A/A)")):
        for measure in ("cpu_s", "wall_s"):
            more = [each(run[kind], measure) / each(run[HIDDEN], measure) - 1 for run in runs]
            print_compared(f"compared, {measure:<6} an epoch, {label}", more)


def one_round(client: Any, number: int) -> dict[str, Any]:
    """Runs the same search with the panel, without, and without again, in a turning order."""
    order = [PANEL, HIDDEN, AGAIN]
    order = order[number % 3 :] + order[: number % 3]
    found = ask(client, MEASURE.format(kinds=[kind == PANEL for kind in order]))
    return dict(zip(order, found, strict=True))


def each(run: dict[str, Any], measure: str) -> float:
    """Returns the seconds an epoch."""
    return float(run[measure] / run["epochs"])


def counted(run: dict[str, Any]) -> dict[str, float]:
    """Returns the CPU seconds that the panel took, by what for, and those of the training."""
    costs = [cost for _, cost in run[PANEL]["paints"]]
    sent_s = max(run[PANEL]["sent_s"] - run[HIDDEN]["sent_s"], 0.0)
    first = next((at for at, cost in enumerate(costs) if cost > 0.01), 0)
    rest = sum(costs[: first + 1]), sum(costs[first + 1 : -1]), costs[-1]
    parts = dict(zip(("first picture", "steady", "record at the end"), rest, strict=True))
    parts["messages"] = sent_s
    return {**parts, "training": run[PANEL]["cpu_s"] - sum(costs) - sent_s}


def share(run: dict[str, Any]) -> float:
    """Returns what the panel took, relative to what the training did."""
    parts = counted(run)
    training = parts.pop("training")
    return sum(parts.values()) / training


def print_round(number: int, run: dict[str, Any]) -> None:
    """Prints a round as soon as it is over."""
    clocks = ", ".join(f"{kind} {1e3 * each(run[kind], 'cpu_s'):.2f}" for kind in run)
    parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in counted(run).items())
    print(
        f"round {number + 1}: {run[PANEL]['wall_s']:.0f} s; CPU ms an epoch: {clocks}; "
        f"counted {share(run):.2%} of CPU seconds: {parts}",
        flush=True,
    )


def print_counted(runs: list[dict[str, Any]]) -> None:
    """Prints what the panel's threads took, and whether the promise is kept by that."""
    opening = statistics.median(run[PANEL]["opening_s"] for run in runs)
    print(f"opening the panel, before the search starts: {1e3 * opening:.0f} ms of CPU")
    for part in ("first picture", "steady", "messages", "record at the end"):
        taken = statistics.median(counted(run)[part] for run in runs)
        share_of = statistics.median(counted(run)[part] / counted(run)["training"] for run in runs)
        print(f"  {part:<18} {1e3 * taken:6.0f} ms of CPU, {share_of:.2%} of the training's")
    shares = [share(run) for run in runs]
    seconds = statistics.median(run[PANEL]["wall_s"] for run in runs)
    most = max(shares)
    print(
        f"counted: median {statistics.median(shares):.2%}, largest {most:.2%} of the CPU seconds "
        f"of searches of {seconds:.0f} s; under {PROMISED:.0%} in each: {yes(most < PROMISED)}"
    )


def print_compared(label: str, more: list[float]) -> None:
    """Prints by how much an epoch takes longer, with what chance leaves open."""
    mean, error = statistics.mean(more), statistics.stdev(more) / math.sqrt(len(more))
    verdict = yes(mean + 2 * error < PROMISED)
    if verdict == "no" and mean - 2 * error < PROMISED:
        verdict = "can't be told from these rounds"
    print(
        f"{label}: median {statistics.median(more):+.1%}, mean {mean:+.1%} with standard error "
        f"{error:.1%} ({min(more):+.1%} to {max(more):+.1%}, {len(more)} rounds); "
        f"under {PROMISED:.0%} within two errors: {verdict}"
    )


def yes(kept: bool) -> str:
    return "yes" if kept else "no"


def bench_clicks(client: Any) -> None:
    """Measures from the click to the callback while a model trains."""
    comm = ask(client, TRAIN)
    sent = [click(client, comm) for _ in range(CLICKS)]
    waits = [b - a for a, b in zip(sent, ask(client, ARRIVED), strict=True)]
    print(
        f"click to callback while training: median {1e3 * statistics.median(waits):.0f} ms, "
        f"largest {1e3 * max(waits):.0f} ms of {CLICKS}; promised 100 ms"
    )


def click(client: Any, comm: str) -> float:
    """Sends what a page sends when a button is pressed; returns the time of it."""
    data = {"method": "custom", "content": {"event": "click"}}
    content = {"comm_id": comm, "data": data}
    time.sleep(0.1)
    sent = time.time()
    client.shell_channel.send(client.session.msg("comm_msg", content))
    return sent


def ask(client: Any, code: str) -> Any:
    """Runs code in the kernel and returns what it printed last, read as JSON."""
    client.execute(code)
    said = None
    while True:
        message = client.get_iopub_msg(timeout=900)
        content = message["content"]
        if message["msg_type"] == "error":
            raise RuntimeError("\n".join(content["traceback"]))
        if message["msg_type"] == "stream" and content["name"] == "stdout":
            said = content["text"].strip().splitlines()[-1] if content["text"].strip() else said
        idle = message["msg_type"] == "status" and content["execution_state"] == "idle"
        if idle and message["parent_header"].get("msg_type") == "execute_request":
            return json.loads(said) if said and said[0] in '["' else None


PARTS = {"share": bench_share, "clicks": bench_clicks}


def main(*names: str) -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        provisioner: Any = manager.provisioner
        kernel = psutil.Process(provisioner.pid)
        kernel.cpu_affinity(kernel.cpu_affinity()[-1:])  # before TensorFlow counts the cores
        ask(client, PREPARE)
        for name in names or PARTS:
            PARTS[name](client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
