"""The Markdown pages of the repository, and what is in them: code, links, headings."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in (
        ROOT / "README.md",
        ROOT / "SECURITY.md",
        ROOT / ".github" / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
}


def blocks(text: str, language: str) -> list[str]:
    """Returns the code of the fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def cells(text: str) -> list[str]:
    """Returns the Python blocks as cells, without the lines that only IPython understands."""
    return [
        "\n".join(line for line in block.splitlines() if not line.startswith("%"))
        for block in blocks(text, "python")
    ]


def anchors(text: str) -> set[str]:
    """Returns the anchors that a code host gives the page's headings."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
