"""The Binder folder, read by repo2docker's own build packs: no Docker engine is needed for that."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from urllib.parse import quote

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from repo2docker.app import Repo2Docker

# What the image has already, or has under another name.
NOT_ON_BINDER = {"tensorflow", "jupyterlab"}
ONLY_ON_BINDER = {"tensorflow-cpu"}


@pytest.fixture
def build_pack(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(root)
    app = Repo2Docker()
    for kind in app.buildpacks:
        pack = kind(app.base_image)
        pack.platform = "linux/amd64"
        if pack.detect():
            return pack
    pytest.fail("no build pack of repo2docker takes this repository")


@pytest.fixture
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


def requirements(lines: list[str]) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {requirement.name: requirement for requirement in parsed}


def test_the_python_build_pack_takes_the_binder_folder(build_pack):
    assert type(build_pack).__name__ == "PythonBuildPack"
    assert build_pack.binder_dir == "binder"


def test_its_python_is_one_that_the_package_supports(build_pack, project):
    assert build_pack.python_version in SpecifierSet(project["requires-python"])


def test_dependencies_are_installed_before_the_repository_is_copied(build_pack):
    dockerfile = build_pack.render({"NB_UID": "1000", "NB_USER": "jovyan"})
    install = dockerfile.index('pip install --no-cache-dir -r "binder/requirements.txt"')
    assert install < dockerfile.index(" src/ ${REPO_DIR}")


def test_post_build_adds_the_package_without_its_dependencies(build_pack, root):
    assert build_pack.get_post_build_scripts() == ["binder/postBuild"]
    script = root / "binder" / "postBuild"
    assert os.access(script, os.X_OK)
    assert "--no-deps -e ." in script.read_text()


def test_requirements_are_those_of_the_package(root, project):
    binder = requirements((root / "binder" / "requirements.txt").read_text().splitlines())
    cluster = project["optional-dependencies"]["dask"]  # for the notebook on workers
    package = requirements([*project["dependencies"], *cluster])
    shared = package.keys() - NOT_ON_BINDER
    assert binder.keys() == shared | ONLY_ON_BINDER
    assert {name: str(binder[name]) for name in shared} == {
        name: str(package[name]) for name in shared
    }
    assert binder["tensorflow-cpu"].specifier == package["tensorflow"].specifier


def test_the_badge_opens_the_quickstart(root, project):
    repository = project["urls"]["Repository"].removeprefix("https://github.com/")
    page = quote("lab/tree/notebooks/01_quickstart.ipynb", safe="")
    link = f"https://mybinder.org/v2/gh/{repository}/HEAD?urlpath={page}"
    assert f"({link})" in (root / "README.md").read_text()
    assert (root / "notebooks" / "01_quickstart.ipynb").exists()
