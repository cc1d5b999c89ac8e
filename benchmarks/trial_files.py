"""The files that one trial enters, from `search.start()` to the picture, in the order of entry.

    python -m benchmarks.trial_files

The search runs in a kernel of its own, as in a notebook: a dictionary on the digits with
`strategy="evolution"`, and the panel shown. A file counts when one of its functions is called, in
the worker thread, the painter thread or the main thread. Importing a module does not count.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent / "nas_nb"


def entered_files(folder: Path) -> list[str]:
    """Returns the paths, relative to the repository, in the order in which they were entered."""
    import nas_nb as nas

    space = {"layers": ["Conv2D", "Dense"], "units": [32, 64], "activations": ["relu", "tanh"]}
    search = nas.Search(
        space,
        nas.load("digits", limit=200),
        strategy="evolution",
        strategy_options={"population": 2, "sample": 2},
        max_trials=4,
        epochs=2,
        directory=folder / "search",
    )
    search.panel()
    files: dict[str, None] = {}

    def note(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_name != "<module>" and code.co_filename.startswith(home):
            files[code.co_filename] = None

    home = f"{PACKAGE}/"
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        search.start()
        search.wait()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return [Path(file).relative_to(PACKAGE.parent).as_posix() for file in files]


def entered_in_a_kernel() -> list[str]:
    """Returns what `entered_files` returns in a new kernel."""
    import nbformat
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory() as folder:
        code = f"from benchmarks.trial_files import *\nprint(*entered_files(Path({folder!r})))"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        place = {"metadata": {"path": str(PACKAGE.parent)}}
        NotebookClient(notebook, timeout=300, resources=place).execute()
    printed = [o.text for o in notebook.cells[0].outputs if o.get("name") == "stdout"]
    return "".join(printed).split()


def main() -> None:
    files = entered_in_a_kernel()
    print("\n".join(files))
    print(f"{len(files)} files")


if __name__ == "__main__":
    main()
