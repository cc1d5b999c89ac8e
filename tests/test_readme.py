"""What README tells the reader to run or open is there, and is what CI runs."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest


@pytest.fixture
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_ci_runs_the_test_command_of_the_readme(root, readme):
    command = re.search(r"^readme_test='(.*)'$", (root / ".ci" / "run").read_text(), re.MULTILINE)
    assert command is not None
    assert command[1] + "\n" in blocks(readme, "bash")


def test_relative_links_lead_somewhere(root, readme):
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", readme)
    assert targets
    assert [target for target in targets if not (root / target).exists()] == []


def test_notebooks_that_it_names_exist(root, readme):
    names = set(re.findall(r"notebooks/\w+\.ipynb", readme))
    assert names
    assert [name for name in names if not (root / name).exists()] == []


def test_extras_that_it_names_exist(root, readme):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    named = set(re.findall(r'"\.\[(\w+)\]"', readme))
    assert named <= project["optional-dependencies"].keys()


def test_python_blocks_are_python(readme):
    for block in blocks(readme, "python"):
        ast.parse("\n".join(line for line in block.splitlines() if not line.startswith("%")))


def test_public_names_that_it_uses_exist(readme):
    import nas_nb

    used = set(re.findall(r"\bnas\.(\w+)", "\n".join(blocks(readme, "python"))))
    assert used <= set(nas_nb.__all__)
