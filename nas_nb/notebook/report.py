"""The record of a search as a document: what a reader without a kernel sees."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from nas_nb.notebook import tables, wording
from nas_nb.notebook.output import record_bundle
from nas_nb.notebook.plots.figures import Picture, overview
from nas_nb.notebook.plots.plot import PlotContext
from nas_nb.notebook.tables import steering_table

if TYPE_CHECKING:
    from nas_nb.search.search import Search

BEST_SHOWN = 10
FAILURES_SHOWN = 10
STEERING_SHOWN = 20


class Report:
    """A search's record as it was when the report was made: HTML, a picture, and text.

    Args:
        search: The search to report on.
    """

    def __init__(self, search: Search) -> None:
        picture = overview()
        picture.draw(PlotContext(search.history, search.space.domain))
        self.html = html_record(search, picture)
        self.png = picture.png
        self.text = text_record(search)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return record_bundle(self.html, self.png, self.text)

    def __repr__(self) -> str:
        return self.text


def html_record(search: Search, picture: Picture) -> str:
    """Returns the record as plain HTML: no styles, scripts or links to anything outside.

    Args:
        search: The search to tell about.
        picture: Its picture, drawn.
    """
    history = search.history
    parts = [
        f"<p><strong>{html.escape(_title(search))}</strong></p>",
        f"<p>{html.escape(wording.status_line(search))}</p>",
        f"<p>{picture.html()}</p>",
        tables.incumbent_table(history),
        tables.leaderboard(history, BEST_SHOWN),
        tables.failures_table(history, FAILURES_SHOWN),
        steering_table(history, STEERING_SHOWN),
        tables.table("What was searched, and how", (), _facts(search)),
    ]
    return "\n".join(part for part in parts if part)


def text_record(search: Search) -> str:
    """Returns the record as text, for terminals and for readers that show nothing else."""
    best = search.history.incumbent
    lines = [_title(search), wording.status_line(search)]
    if best is not None:
        lines.append(f"Incumbent: {wording.values_text(best.values)}")
    for trial in tables.top_trials(search.history, BEST_SHOWN):
        score = wording.number_text(trial.score)
        lines.append(f"  trial {trial.number:>4}  {score}  {wording.values_text(trial.values)}")
    lines += [f"{name}: {fact}" for name, fact in _facts(search)]
    return "\n".join(lines)


def _title(search: Search) -> str:
    return f"Architecture search '{search.name}'"


def _facts(search: Search) -> list[tuple[str, object]]:
    better = "higher" if search.direction == "max" else "lower"
    options = wording.values_text({k: str(v) for k, v in search.strategy.options.items()})
    folder = wording.folder_text(search)
    who = wording.choice_text(search) or search.strategy.name
    return [
        ("space", wording.size_text(search.space.size)),
        ("data", search.data.describe()),
        ("objective", f"{search.objective} ({better} is better)"),
        ("strategy", f"{who}{f' ({options})' if options else ''}"),
        ("budget", wording.budget_text(search)),
        ("seed", search.seed),
        ("time", wording.time_line(search) or "not started"),
        ("journal", _journal(search)),
        ("controls again", f"%nas panel; in another kernel: nas.open({folder!r})"),
    ]


def _journal(search: Search) -> str:
    path = search.directory / "journal.jsonl"
    if not path.is_file():
        return "not written before the start"
    return f"{wording.folder_text(search)}/{path.name}"
