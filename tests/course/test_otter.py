"""The three assignments through Otter's own commands: assign, and run on each submission."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from nas_nb.course.assignments import write_assignments
from tests.course.submissions import SUBMISSIONS, answer_of, marks_of, questions_of

pytest.importorskip("otter", reason="Otter needs an older wrapt: CI has a job of its own for it")


def otter(*arguments: object, cwd: Path) -> None:
    """Runs a command of Otter, as a grader's shell does."""
    environment = {**os.environ, "NAS_NB_HEADLESS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "otter", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def fill_in(handout: Path, assignment: str, student: str, to: Path) -> None:
    """Writes the students' notebook with a student's answers in their places."""
    notebook = nbformat.read(handout, as_version=4)
    blanks = [cell for cell in notebook.cells if "tags" in cell.metadata]
    for question, cell in zip(questions_of(assignment), blanks, strict=True):
        assert "..." in cell.source
        cell.source = answer_of(assignment, student, question)
    nbformat.write(notebook, to)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("assignment", SUBMISSIONS)
def test_each_wrong_submission_loses_what_it_should(assignment: str, tmp_path: Path):
    write_assignments(tmp_path, "otter")
    folder, file = tmp_path / assignment, f"{assignment}.ipynb"
    otter("assign", file, "dist", cwd=folder)
    (archive,) = folder.glob("dist/autograder/*.zip")
    for student in SUBMISSIONS[assignment]:
        own = tmp_path / student
        own.mkdir()
        fill_in(folder / "dist" / "student" / file, assignment, student, own / file)
        otter("run", file, "-a", archive, "-o", own, cwd=own)
        graded = json.loads((own / "results.json").read_text())["tests"]
        marks = marks_of(assignment, student)
        assert {one["name"]: one["score"] for one in graded if "score" in one} == {
            question: sum(marks[test] for test in tests)
            for question, tests in questions_of(assignment).items()
        }, student
