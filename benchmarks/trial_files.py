"""The files that one trial enters, from `search.start()` to the picture, in the order of entry.

    python -m benchmarks.trial_files

The search runs in a kernel of its own, as in a notebook: a dictionary on the digits with
`strategy="evolution"`, and the panel shown. A file counts when one of its functions is called, in
the search's thread, the painter thread or the main thread. Importing a module does not count.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent / "nas_nb"
TRIALS = 10


def entered_files(folder: Path) -> dict[str, str]:
    """Returns the files in the order in which they were entered, and since when.

    Returns:
        By path, relative to the repository: "start" for what `start()` and the first trial enter
        alone, "trial" for what the trials after it enter, with their pictures, "end" for the rest.
    """
    import nas_nb as nas

    space = {"layers": ["Conv2D", "Dense"], "units": [32, 64], "activations": ["relu", "tanh"]}
    search = nas.Search(
        space,
        nas.load("digits", limit=200),
        strategy="evolution",
        strategy_options={"population": 2, "sample": 2},
        max_trials=TRIALS,
        epochs=2,
        directory=folder / "search",
    )
    search.panel()
    home, history = f"{PACKAGE.parent}/", None
    phases: dict[str, set[int]] = {}

    def note(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_name != "<module>" and "/nas_nb/" in code.co_filename:
            ended = 0 if history is None else len(history.finished)
            phases.setdefault(code.co_filename.removeprefix(home), set()).add(ended)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        search.start()
        history = search.history
        search.wait()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return {
        file: "trial" if ended & set(range(1, TRIALS)) else "start" if 0 in ended else "end"
        for file, ended in phases.items()
    }


def entered_in_a_kernel() -> dict[str, str]:
    """Returns what `entered_files` returns in a new kernel."""
    import nbformat
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory() as folder:
        code = (
            "import json\nfrom pathlib import Path\n"
            "from benchmarks.trial_files import entered_files\n"
            f"print(json.dumps(entered_files(Path({folder!r}))))"
        )
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        place = {"metadata": {"path": str(PACKAGE.parent)}}
        NotebookClient(notebook, timeout=300, resources=place).execute()
    outputs = notebook.cells[0].outputs
    printed = "".join(o.text for o in outputs if o.get("name") == "stdout")
    return dict(json.loads(printed))


def main() -> None:
    files = entered_in_a_kernel()
    for file, phase in files.items():
        print(f"{phase:6} {file}")
    counts = {phase: list(files.values()).count(phase) for phase in ("start", "trial", "end")}
    print(f"{len(files)} files: {counts}")


if __name__ == "__main__":
    main()
