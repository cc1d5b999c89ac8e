"""The site builds without a warning and a network, and its reference has every public name."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nas_nb as nas

# KerasTuner's own, or modules that mirror its paths: its documentation describes them.
OF_KERAS_TUNER = {
    *("HyperModel", "HyperParameters", "Objective", "Oracle", "SklearnTuner", "synchronized"),
    *("applications", "engine", "oracles"),
}
REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def reference() -> tuple[str, list[str]]:
    """The text of the reference, and the names whose docstrings it shows."""
    text = "".join(path.read_text() for path in sorted(REFERENCE.glob("*.md")))
    found = re.findall(r"^\.\. auto(?:class|function|module):: ([\w.]+)$", text, re.MULTILINE)
    return text, found


def test_the_reference_shows_only_what_there_is() -> None:
    for entry in reference()[1]:
        assert pkgutil.resolve_name(entry).__doc__, entry


def test_the_reference_has_every_public_name() -> None:
    text, entries = reference()
    told = {entry.split(".")[1] for entry in entries}
    strategies = {f"{one.__module__}.{one.__qualname__}" for one in nas.STRATEGIES.values()}
    assert set(nas.__all__) - OF_KERAS_TUNER - told <= {"STRATEGIES", "NasError", "tuners"}
    assert strategies <= set(entries)
    assert all(f"`{name}`" in text for name in OF_KERAS_TUNER | {"nas.STRATEGIES"})


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_site_builds_without_a_warning_and_asks_no_other_host(
    tmp_path: Path, root: Path
) -> None:
    # The notebooks have tests of their own: here their pages are made from the cells as they are.
    pages = ["-d", str(tmp_path / "doctrees"), "docs", str(tmp_path / "site")]
    options = ["-q", "-W", "--keep-going", "-D", "run_tutorials=0", *pages]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    site = tmp_path / "site"
    for path in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:img|script|link|iframe)\b[^>]*(?:src|href)=\"(https?:[^\"]*)", path.read_text()
        )
        assert loaded == [], path
    for page in ("index", "reference/search", "tutorials/01_quickstart", "journal", "changelog"):
        html = (site / f"{page}.html").read_text()
        local = re.findall(r"href=\"((?!https?:|#|mailto:|data:)[^\"#?]+)", html)
        missing = [one for one in local if not (site / page).parent.joinpath(one).exists()]
        assert missing == [], page
