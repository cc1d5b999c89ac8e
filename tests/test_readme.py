"""README is a front page, and the command that it gives for the tests is what CI runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pages import blocks


@pytest.fixture
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def test_ci_runs_the_test_command_of_the_readme(root: Path, readme: str) -> None:
    command = re.search(r"^readme_test='(.*)'$", (root / ".ci" / "run").read_text(), re.MULTILINE)
    assert command is not None
    assert command[1] + "\n" in blocks(readme, "bash")


def test_it_stays_a_front_page(readme: str) -> None:
    assert len(readme.splitlines()) <= 150


def test_every_page_is_reached_from_it(root: Path, readme: str) -> None:
    # Pages of the site that only include a file of the repository are reached as that file.
    own = (page for page in (root / "docs").glob("*.md") if "{include} ../" not in page.read_text())
    pages = {f"docs/{page.name}" for page in own}
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)", readme))
    contributing = (root / ".github" / "CONTRIBUTING.md").read_text()
    linked |= set(re.findall(r"\]\(\.\./(docs/[\w-]+\.md)", contributing))
    assert pages == linked
