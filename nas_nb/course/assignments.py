"""`python -m nas_nb.course.assignments FOLDER`: three assignments, for nbgrader or Otter."""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from nas_nb.errors import SearchError

SOURCE = Path(__file__).parent / "assignments.ipynb"
GRADERS = ("nbgrader", "otter")

_HIDDEN = "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"
_OTTER_TEST = '''""" # BEGIN TEST CONFIG
points: {points}
hidden: {hidden}
""" # END TEST CONFIG'''
_CONFIG = """c = get_config()
c.CourseDirectory.course_id = "nas"
c.ExecutePreprocessor.timeout = 120
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError  # your code here"}
"""

Cell = Any


def seed_for(student: str) -> int:
    """Returns a seed of a student's own: the same everywhere, another one for each id.

    Args:
        student: The id. Upper and lower case, and spaces around it, make no difference.

    Returns:
        An int in [0, 2**31).

    Example:
        >>> nas.seed_for("ada@example.org") == nas.seed_for(" Ada@example.org")
        True
    """
    if not isinstance(student, str) or not student.strip():
        raise SearchError(f"Expected a student's id as text. Received: {student!r}.")
    hashed = hashlib.sha256(student.strip().lower().encode(errors="replace")).digest()
    return int.from_bytes(hashed[:4], "big") >> 1


def write_assignments(folder: str | Path, grader: str = "nbgrader") -> list[Path]:
    """Writes the assignments as a grader's instructors have them, and returns the notebooks.

    Args:
        folder: Of the course. For nbgrader it gets `nbgrader_config.py` and `source/NAME/`, for
            Otter `NAME/`.
        grader: "nbgrader" or "otter".

    Raises:
        SearchError: There is no such grader.
    """
    import nbformat

    if grader not in GRADERS:
        raise SearchError(f"Expected a grader: {', '.join(GRADERS)}. Received: {grader!r}.")
    course, written = Path(folder).expanduser(), []
    source = nbformat.read(SOURCE, as_version=4)
    names = dict.fromkeys(cell.metadata["course"]["assignment"] for cell in source.cells)
    for name in names:
        own = [cell for cell in source.cells if cell.metadata["course"]["assignment"] == name]
        made = _for_nbgrader(own) if grader == "nbgrader" else list(_for_otter(name, own))
        metadata = {"kernelspec": dict(source.metadata["kernelspec"])}
        notebook = nbformat.v4.new_notebook(cells=made, metadata=metadata)
        file = course / ("source" if grader == "nbgrader" else "") / name / f"{name}.ipynb"
        file.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, file)
        written.append(file)
    if grader == "nbgrader":
        (course / "nbgrader_config.py").write_text(_CONFIG, encoding="utf-8")
    return written


def _for_nbgrader(cells: list[Cell]) -> list[Cell]:
    import nbformat

    made = []
    for number, cell in enumerate(cells):
        told = cell.metadata["course"]
        if cell.cell_type == "markdown":
            made.append(nbformat.v4.new_markdown_cell(cell.source))
            continue
        if told["role"] == "own":  # nbgrader puts every cell back that it has marked as given
            made.append(nbformat.v4.new_code_cell(cell.source))
            continue
        text = _HIDDEN.format(cell.source) if told.get("hidden") else cell.source
        role = told["role"]
        marks = {"schema_version": 3, "grade_id": told.get("name", f"given-{number}")}
        marks |= {"grade": role == "test", "solution": role == "solution", "task": False}
        marks |= {"locked": role != "solution"}
        marks |= {"points": told["points"]} if role == "test" else {}
        made.append(nbformat.v4.new_code_cell(text, metadata={"nbgrader": marks}))
    return made


def _for_otter(name: str, cells: list[Cell]) -> Iterator[Cell]:
    """Yields the cells with Otter's raw cells between them; each solution begins a question."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

    yield new_raw_cell(f"# ASSIGNMENT CONFIG\nname: {name}\nexport_cell: false")
    for place, cell in enumerate(cells):
        told = cell.metadata["course"]
        if cell.cell_type == "markdown":
            yield new_markdown_cell(cell.source)
        elif told["role"] in ("given", "own"):
            yield new_code_cell(cell.source)
        elif told["role"] == "solution":
            tests = list(takewhile(_is_test, cells[place + 1 :]))
            yield new_raw_cell(f"# BEGIN QUESTION\nname: {told['name']}")
            yield new_raw_cell("# BEGIN SOLUTION")
            yield new_code_cell(re.sub(r"### (BEGIN|END) SOLUTION", r"# \1 SOLUTION", cell.source))
            yield new_raw_cell("# END SOLUTION")
            yield new_raw_cell("# BEGIN TESTS")
            for test in tests:
                told = test.metadata["course"]
                hidden = str(bool(told.get("hidden"))).lower()
                head = _OTTER_TEST.format(points=told["points"], hidden=hidden)
                yield new_code_cell(f"{head}\n{test.source}")
            yield new_raw_cell("# END TESTS")
            yield new_raw_cell("# END QUESTION")


def _is_test(cell: Cell) -> bool:
    return bool(cell.metadata["course"].get("role") == "test")


def main() -> None:
    """Writes them, as the command says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the course")
    parser.add_argument("--grader", choices=GRADERS, default="nbgrader")
    given = parser.parse_args()
    for file in write_assignments(given.folder, given.grader):
        print(file)  # noqa: T201 - the command's answer


if __name__ == "__main__":
    main()
