"""The three assignments through nbgrader's own steps: generate, autograde, feedback."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

import nas_nb as nas
from nas_nb.course.assignments import GRADERS, SOURCE, seed_for, write_assignments
from nas_nb.errors import SearchError
from tests.course.submissions import (
    AT_RANDOM,
    CELLS,
    OTHER_EVOLUTION,
    OTHER_GREEDY,
    SOLUTIONS,
    SUBMISSIONS,
    answer_of,
    marks_of,
)


class Course:
    """A course's folder with the assignments generated."""

    def __init__(self, folder: Path) -> None:
        from nbgrader.apps import NbGraderAPI
        from traitlets.config import Config

        write_assignments(folder)
        config = Config()
        config.CourseDirectory.root = str(folder)
        config.CourseDirectory.db_url = f"sqlite:///{folder}/gradebook.db"
        config.ExecutePreprocessor.timeout = 250
        config.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
        self.folder, self.api = folder, NbGraderAPI(config=config)

    def graded(self, name: str) -> dict[str, dict[str, Any]]:
        """Returns the marks of each submission by the test's name."""
        done = self.api.generate_assignment(name, force=True)
        assert done["success"], done
        released = nbformat.read(self.folder / "release" / name / f"{name}.ipynb", as_version=4)
        marks = {}
        for student in SUBMISSIONS[name]:
            self._submit(name, student, released)
            done = self.api.autograde(name, student, force=True)
            assert done["success"], done
            assert self.api.generate_feedback(name, student, force=True)["success"]
            assert list((self.folder / "feedback" / student / name).glob("*.html"))
            graded = (self.folder / "autograded" / student / name / f"{name}.ipynb").read_text()
            assert f'student = \\"{student}\\"' in graded  # the cell with the id is the student's
            marks[student] = dict(self._marks(name, student))
        return marks

    def _submit(self, name: str, student: str, released: Any) -> None:
        notebook = copy.deepcopy(released)
        for cell in notebook.cells:
            cell.source = cell.source.replace('"student id"', f'"{student}"')
            marks = cell.metadata.get("nbgrader", {})
            if marks.get("solution"):
                assert "raise NotImplementedError" in cell.source
                cell.source = answer_of(name, student, marks["grade_id"])
            assert "HIDDEN" not in cell.source
        file = self.folder / "submitted" / student / name / f"{name}.ipynb"
        file.parent.mkdir(parents=True)
        nbformat.write(notebook, file)

    def _marks(self, name: str, student: str) -> Iterator[tuple[str, float]]:
        with self.api.gradebook as gradebook:
            notebook = gradebook.find_submission_notebook(name, name, student)
            for grade in notebook.grades:
                yield grade.name, grade.auto_score
                assert grade.auto_score in (0, grade.max_score)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return Course(tmp_path_factory.mktemp("course"))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("assignment", SUBMISSIONS)
def test_each_wrong_submission_loses_what_it_should(course: Course, assignment: str):
    for student, marks in course.graded(assignment).items():
        assert marks == marks_of(assignment, student), student


@pytest.mark.parametrize("grader", GRADERS)
def test_both_graders_get_every_cell_of_the_source(grader: str, tmp_path: Path):
    files = write_assignments(tmp_path, grader)
    assert [file.stem for file in files] == ["space", "strategy", "report"]
    written = [cell.source for file in files for cell in nbformat.read(file, as_version=4).cells]
    for cell in nbformat.read(SOURCE, as_version=4).cells:
        kept = cell.source.replace("### ", "# ") if grader == "otter" else cell.source
        assert any(kept in text for text in written)


def test_otters_cells_stand_in_the_order_that_it_reads(tmp_path: Path):
    for file in write_assignments(tmp_path, "otter"):
        raw = [
            cell.source.splitlines()[0]
            for cell in nbformat.read(file, as_version=4).cells
            if cell.cell_type == "raw"
        ]
        marks = ["# BEGIN QUESTION", "# BEGIN SOLUTION", "# END SOLUTION", "# BEGIN TESTS"]
        marks += ["# END TESTS", "# END QUESTION"]
        assert raw == ["# ASSIGNMENT CONFIG", *marks * (len(raw) // 6)]


NO_SELECTION = """
def evolution(space):
    def propose(history, rng):
        last = history.completed[-10:]
        while True:
            parent = last[int(rng.integers(len(last)))].values if len(last) == 10 else None
            child = space.sample(rng) if parent is None else space.mutate(parent, rng)
            if not history.has_tried(child):
                return child
    return propose
"""
READS_SCORES_AND_DRAWS = """
def evolution(space):
    def propose(history, rng):
        if history.incumbent is not None and history.incumbent.score > 0.5:
            rng.random()
        while history.has_tried(values := space.sample(rng)):
            pass
        return values
    return propose
"""
ANSWERS = {
    "reference": (SOLUTIONS["evolution-answer"], True),
    "other": (OTHER_EVOLUTION, True),
    "random": (AT_RANDOM.format(name="evolution"), False),
    "random, reads scores": (READS_SCORES_AND_DRAWS, False),
    "no selection": (NO_SELECTION, False),
    "greedy": (OTHER_GREEDY + "evolution = greedy", False),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_only_evolution_has_the_marks_of_evolution(answer: str):
    cells = {
        told["name"]: cell.source for cell in CELLS if "name" in (told := cell.metadata["course"])
    }
    source, right = ANSWERS[answer]
    for seed in range(3):
        names: dict[str, Any] = {"nas": nas, "np": np, "seed": seed}
        exec(source, names)
        if right:
            exec(cells["evolution-other"], names)
        else:
            with pytest.raises(AssertionError, match="each should be a mutant"):
                exec(cells["evolution-other"], names)


def test_an_unknown_grader_is_refused(tmp_path: Path):
    with pytest.raises(SearchError, match="Received: 'okpy'"):
        write_assignments(tmp_path, "okpy")


def test_a_seed_belongs_to_a_student():
    assert nas.seed_for("ada") == seed_for(" Ada ") == 2130125190
    assert len({seed_for(f"student {number}") for number in range(200)}) == 200
    assert all(0 <= seed_for(f"student {number}") < 2**31 for number in range(200))
    with pytest.raises(SearchError, match="Received: ''"):
        seed_for("")
