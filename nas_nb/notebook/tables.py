"""HTML tables: leaderboard, incumbent, failures, steering.

Tags and attributes carry it: code hosts strip styles and scripts from what they show.
"""

from __future__ import annotations

import heapq
import html
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from nas_nb.notebook.wording import (
    by_number,
    steering_text,
    value_text,
    values_text,
)
from nas_nb.record.trial import TrialStatus
from nas_nb.record.trial_facts import (
    cost_text,
    error_text,
    number_text,
    origin_text,
    score_error,
    score_text,
)

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

# The attribute is for readers that strip styles, the style for pages whose own would win.
_LEFT = 'align="left" style="text-align: left"'
_RIGHT = 'align="right" style="text-align: right"'
COLUMNS = ("status", "epochs", "params", "seconds", "origin", "configuration")
_SHORT = 160
_NUMBER = re.compile(r"[-+]?[\d,]+(\.\d+)?(e[+-]\d+)?")


def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    marked: object = None,
    *,
    sort: str = "",
    trials: bool = False,
) -> str:
    """Returns an HTML table whose first column names the rows. All text is escaped."""
    head = "".join(_head(name, sort) for name in header)
    body = "".join(
        _row(
            row, aligned=bool(header), marked=marked is not None and row[0] == marked, trial=trials
        )
        for row in rows
    )
    return (
        f'<table class="nas-table"><caption {_LEFT}>{_text(caption)}</caption>'
        f"{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"
    )


def incumbent_table(history: History) -> str:
    """Returns the incumbent's score, costs and values; a sentence while there is none."""
    best = history.incumbent
    if best is None:
        return "<p>No incumbent yet: the first completed trial will be it.</p>"
    rows: list[tuple[str, object]] = [(history.objective, score_text(history, best))]
    rows += [(name, cost_text(cost)) for name, cost in best.costs.items()]
    return values_tables(f"Incumbent: trial {best.number}", rows, best)


def values_tables(caption: str, rows: Sequence[tuple[str, object]], trial: Trial) -> str:
    """Returns a table of some facts and the trial's values."""
    layers, others = by_number(trial.values)
    chosen = [(name, value_text(value)) for name, value in others.items()]
    html_text = table(caption, (), [*rows, *chosen])
    if layers:
        stems = list(dict.fromkeys(stem for layer in layers.values() for stem in layer))
        cells = (
            (number, *(value_text(layer[stem]) if stem in layer else "" for stem in stems))
            for number, layer in layers.items()
        )
        html_text += table("Architecture", ("layer", *_renamed(stems)), cells)
    return html_text


def leaderboard(history: History, most: int) -> str:
    """Returns the best completed trials, best first; a sentence while there is none."""
    trials = top_trials(history, most)
    if not trials:
        return "<p>No completed trial yet.</p>"
    caption = f"The best {len(trials)} of {len(history.completed):,} trials"
    return trials_table(caption, trials, history)


def trials_table(
    caption: str,
    trials: Sequence[Trial],
    history: History,
    chosen: int | None = None,
    *,
    sort: str = "",
    columns: Sequence[str] = COLUMNS,
    bars: Mapping[int, float] | None = None,
) -> str:
    """Returns one row per trial, in the order given; the chosen one is marked."""
    errors = {trial.number: score_error(history, trial) for trial in trials}
    known = ["±"] if any(error is not None for error in errors.values()) else []
    header = ("trial", history.objective, *([""] if bars else []), *known, *columns)
    rows = []
    for trial in trials:
        bar = [Bar((bars or {}).get(trial.number))] if bars else []
        error = errors[trial.number]
        told = ["" if error is None else error_text(error)] if known else []
        cells = [_cell(trial, history, column) for column in columns]
        rows.append((trial.number, _score(trial), *bar, *told, *cells))
    return table(caption, header, rows, marked=chosen, sort=sort, trials=bool(sort))


class Bar(NamedTuple):
    """A cell that shows a number from 0 to 1 as a bar; None shows nothing."""

    share: float | None


def failures_table(history: History, most: int) -> str:
    """Returns the latest failed trials with their reasons; '' if none failed."""
    failed = [trial for trial in history.finished if trial.status is TrialStatus.FAILED]
    if not failed:
        return ""
    rows = ((t.number, _shortened(t.reason or "no reason given"), _values(t)) for t in failed)
    some = f", the latest {most} of them" if len(failed) > most else ""
    caption = f"{len(failed):,} failed trial{'s' if len(failed) > 1 else ''}{some}"
    return table(caption, ("trial", "reason", "configuration"), list(rows)[-most:])


def ranking(history: History) -> list[Trial]:
    """Returns all completed trials with a score, best first; of equals the smaller model first."""
    return _ranked(history, history.version)


@lru_cache(maxsize=2)  # all parts of a frame ask, and thousands of trials take a while
def _ranked(history: History, version: int) -> list[Trial]:
    return sorted((t for t in history.completed if t.score is not None), key=history.rank)


def top_trials(history: History, most: int) -> list[Trial]:
    """Returns the best completed trials, the incumbent first."""
    scored = (trial for trial in history.completed if trial.score is not None)
    return heapq.nsmallest(most, scored, key=history.rank)


def _score(trial: Trial) -> str:
    return trial.status.value if trial.score is None else number_text(trial.score)


def _cell(trial: Trial, history: History, column: str) -> object:
    """Returns what stands in a column: a fact, a cost, or the value of a choice."""
    facts: dict[str, Callable[[], object]] = {
        "status": lambda: trial.status,
        "epochs": lambda: trial.epochs,
        "seconds": lambda: f"{trial.duration_s:.1f}",
        "origin": lambda: origin_text(trial, history),
        "configuration": lambda: _values(trial),
    }
    if column in facts:
        return facts[column]()
    if column in trial.values:
        return value_text(trial.values[column])
    return cost_text(trial.costs[column]) if column in trial.costs else ""


def _renamed(stems: Sequence[str]) -> list[str]:
    """Returns the columns' names; that of the kind of layer would repeat the first one's."""
    return ["type" if stem == "layer" else stem for stem in stems]


def _values(trial: Trial) -> str:
    return _shortened(values_text(trial.values))


def _shortened(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _head(name: str, sort: str) -> str:
    if not sort:
        return f'<th scope="col" {_LEFT}>{_text(name)}</th>'
    return f'<th scope="col" data-sort="{_text(name)}" {_LEFT}>{_text(name)}</th>'


def _row(cells: Sequence[object], *, aligned: bool, marked: bool = False, trial: bool) -> str:
    """Returns a row; `aligned` puts numbers to the right, so that a column compares them."""
    here = ' aria-current="true"' if marked else ""
    here += f' data-trial="{cells[0]}" tabindex="0"' if trial else ""
    first, *rest = cells
    texts = [_text(cell) if not isinstance(cell, Bar) else _bar(cell.share) for cell in rest]
    sides = [_RIGHT if aligned and _NUMBER.fullmatch(text) else _LEFT for text in texts]
    body = "".join(f"<td {side}>{text}</td>" for side, text in zip(sides, texts, strict=True))
    return f'<tr{here}><th scope="row" {_LEFT}>{_text(first)}</th>{body}</tr>'


def _bar(share: float | None) -> str:
    return "" if share is None else f'<meter value="{share:.2f}" aria-hidden="true"></meter>'


def _text(value: object) -> str:
    return html.escape(str(value))


def steering_table(history: History, most: int) -> str:
    """Returns the latest steering actions, latest first, with their times; '' if there are none."""
    rows = [
        (time.strftime("%H:%M:%S", time.localtime(event["time"])), steering_text(event))
        for event in reversed(history.steering[-most:])
    ]
    return table("Interventions (newest first)", ("time", "action"), rows) if rows else ""
