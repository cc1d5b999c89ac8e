"""Tables as HTML that reads the same in a widget, a saved notebook and a screen reader.

Plain tags and attributes only: code hosts strip styles and scripts from what they show.
"""

from __future__ import annotations

import heapq
import html
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from nas_nb.notebook.wording import number_text, value_text, values_text
from nas_nb.record.trial import TrialStatus

if TYPE_CHECKING:
    from nas_nb.record.history import History, Trial

_SHORT = 160
_NUMBER = re.compile(r"-?[\d,]+(\.\d+)?(e[+-]\d+)?")


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns an HTML table whose first column names the rows. All text is escaped."""
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in header)
    body = "".join(_row(row) for row in rows)
    return (
        f'<table class="nas-table"><caption align="top">{_text(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def pairs_table(caption: str, pairs: Iterable[tuple[str, object]]) -> str:
    """Returns an HTML table of names and values, without a header row."""
    body = "".join(_row(pair) for pair in pairs)
    return (
        f'<table class="nas-table"><caption align="top">{_text(caption)}</caption>'
        f"<tbody>{body}</tbody></table>"
    )


def incumbent_table(history: History) -> str:
    """Returns the incumbent's score, costs and values; a sentence while there is none."""
    best = history.incumbent
    if best is None:
        return "<p>No incumbent yet: the first completed trial will be it.</p>"
    rows: list[tuple[str, object]] = [(history.objective, number_text(best.score))]
    rows += [(name, f"{cost:,.0f}") for name, cost in best.costs.items()]
    rows += [(name, value_text(value)) for name, value in best.values.items()]
    return pairs_table(f"Incumbent: trial {best.number}", rows)


def leaderboard(history: History, most: int) -> str:
    """Returns the best completed trials, best first; a sentence while there is none."""
    trials = top_trials(history, most)
    if not trials:
        return "<p>No completed trial yet.</p>"
    header = ("trial", history.objective, "epochs", "params", "seconds", "values")
    rows = (
        (t.number, number_text(t.score), t.epochs, _params(t), f"{t.duration_s:.1f}", _values(t))
        for t in trials
    )
    return table(f"The best {len(trials)} of {len(history.completed):,} trials", header, rows)


def failures_table(history: History, most: int) -> str:
    """Returns the latest failed trials with their reasons; '' if none failed."""
    failed = [trial for trial in history.finished if trial.status is TrialStatus.FAILED]
    if not failed:
        return ""
    rows = ((t.number, _shortened(t.reason or "no reason given"), _values(t)) for t in failed)
    some = f", the latest {most} of them" if len(failed) > most else ""
    caption = f"{len(failed):,} failed trial{'s' if len(failed) > 1 else ''}{some}"
    return table(caption, ("trial", "reason", "values"), list(rows)[-most:])


def top_trials(history: History, most: int) -> list[Trial]:
    """Returns the best completed trials, best first; of equals the earlier first."""
    sign = -1.0 if history.direction == "max" else 1.0
    scored = (trial for trial in history.completed if trial.score is not None)
    return heapq.nsmallest(most, scored, key=lambda trial: sign * (trial.score or 0.0))


def _params(trial: Trial) -> str:
    params = trial.costs.get("params")
    return "" if params is None else f"{params:,.0f}"


def _values(trial: Trial) -> str:
    return _shortened(values_text(trial.values))


def _shortened(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _row(cells: Sequence[object]) -> str:
    first, *rest = cells
    return f'<tr><th scope="row">{_text(first)}</th>{"".join(map(_cell, rest))}</tr>'


def _cell(cell: object) -> str:
    text = _text(cell)
    side = "right" if _NUMBER.fullmatch(text) else "left"
    return f'<td align="{side}">{text}</td>'


def _text(value: object) -> str:
    return html.escape(str(value))
