"""How a refusal is said beside what was refused."""

from __future__ import annotations

import html


def alert(error: Exception) -> str:
    """Returns the error's sentence as HTML that a screen reader says at once."""
    return f'<p role="alert">{html.escape(str(error))}</p>'
