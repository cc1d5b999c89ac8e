"""How long each tutorial takes, and how much memory: `python -m benchmarks.bench_notebooks 01`.

Each notebook runs in a kernel of its own, beside an idle JupyterLab, as on Binder. Prints the
seconds, and the most memory of the kernel alone and with JupyterLab. Ends with status 1 if a
notebook took over 4 minutes, a kernel over 1.5 GB, or both over Binder's 2 GB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
MOST_S, MOST_KERNEL, MOST_TREE = 240, 1.5e9, 2.0e9
PERIOD_S, STARTS_S = 0.2, 20


class PeakMemory:
    """The most resident memory of this process's children, read by a thread."""

    def __init__(self) -> None:
        self.bytes, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._over.wait(PERIOD_S):
            self.bytes = max(self.bytes, children_bytes())


def children_bytes() -> int:
    """Returns the resident memory of all processes below this one."""
    found = 0
    for process in psutil.Process().children(recursive=True):
        try:
            found += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return found


def run(path: Path, folder: str) -> bool:
    """Runs a notebook, prints a line, and returns whether it stayed within the limits."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}})
    server, began = children_bytes(), time.perf_counter()
    with PeakMemory() as peak:
        client.execute(env={**os.environ, "BINDER_SERVICE_HOST": "here"})
    took_s, kernel = time.perf_counter() - began, peak.bytes - server
    print(
        f"{path.stem}: {took_s:.0f} s, kernel {kernel / 1e6:.0f} MB, with JupyterLab "
        f"{peak.bytes / 1e6:.0f} MB",
        flush=True,
    )
    return took_s <= MOST_S and kernel <= MOST_KERNEL and peak.bytes <= MOST_TREE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[""], help="beginnings of names; default: all")
    given = parser.parse_args()
    begins = tuple(given.names)
    chosen = [one for one in sorted(NOTEBOOKS.glob("*.ipynb")) if one.name.startswith(begins)]
    with tempfile.TemporaryDirectory() as folder:
        lab = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port", "0"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([*lab, "--ServerApp.root_dir", folder], **quiet) as started:
            try:
                time.sleep(STARTS_S)
                within = [run(path, folder) for path in chosen]
            finally:
                started.terminate()
    sys.exit(0 if all(within) else 1)


if __name__ == "__main__":
    main()
