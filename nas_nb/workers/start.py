"""The first module of a worker process, which loads the others once nothing can be printed.

What TensorFlow says while it is loaded would end in a cell of the notebook. The server that
processes are forked from imports this module first, and is silent, too.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def start(*arguments: Any) -> None:
    """Becomes a worker: see `worker_process.serve`."""
    _be_quiet()
    from nas_nb.workers.worker_process import serve

    serve(*arguments)


def _be_quiet() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


if any("multiprocessing.forkserver" in word for word in sys.orig_argv):
    _be_quiet()
