"""Texts without a download: what installed packages say about themselves, and which one spoke."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

from nas_nb.data.dataset import Data
from nas_nb.data.text import words_of
from nas_nb.errors import DataError

PACKAGES = {
    # What this package needs anyway, with the words that would give the answer away.
    "keras": ("keras", "tensorflow", "tf"),
    "pandas": ("pandas", "pd", "dataframe", "series"),
    "sklearn": ("sklearn", "scikit", "learn", "estimator"),
    "IPython": ("ipython", "shell", "magic"),
}
MOST_TEXTS = 400
"""Of each package."""
FEWEST_WORDS = 5


def docstrings() -> Data:
    """Returns the first paragraphs of docstrings, to tell which package each is from.

    Words that name a package are left out. Versions of the packages change the texts.

    Raises:
        DataError: Fewer than two of the packages have their sources here.
    """
    texts: list[str] = []
    labels: list[str] = []
    telling = {word for told in PACKAGES.values() for word in told}
    for package in PACKAGES:
        found = _paragraphs(package, telling)[:MOST_TEXTS]
        texts += found
        labels += [package] * len(found)
    if len(set(labels)) < 2:
        raise DataError(
            f"Expected the sources of two of the packages {', '.join(PACKAGES)}. Received: "
            f"{', '.join(sorted(set(labels))) or 'none'}. Use nas.Data.from_texts(texts, labels)."
        )
    return Data.from_texts(
        texts, labels, name="docstrings", length=24, source="docstrings of installed packages"
    )


def _paragraphs(package: str, telling: set[str]) -> list[str]:
    seen: dict[str, None] = {}
    for path in _sources(package):
        for text in _docstrings(path):
            paragraph = re.split(r"\n\s*\n", text.strip())[0]
            words = [word for word in words_of(paragraph) if word not in telling]
            if len(words) >= FEWEST_WORDS:
                seen[" ".join(words)] = None
        if len(seen) >= MOST_TEXTS:
            break
    return list(seen)


def _sources(package: str) -> list[Path]:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return []
    folder = Path(found.origin).parent
    return [p for p in sorted(folder.rglob("*.py")) if not {"tests", "test"} & set(p.parts)]


def _docstrings(path: Path) -> Iterator[str]:
    """Yields the docstrings of a file, in its order; none of a file that isn't Python here."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
            yield text
