"""The record of a search as a document: what a reader without a kernel sees."""

from __future__ import annotations

import html
import json
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython import get_ipython

from nas_nb.errors import SearchError, SpaceError, printable, reason_of
from nas_nb.explain.summary import SearchSummary
from nas_nb.notebook import tables, wording
from nas_nb.notebook.output import record_bundle
from nas_nb.notebook.plots.diagram import diagram_image
from nas_nb.notebook.plots.drawing import PlotContext
from nas_nb.notebook.plots.figures import Printed, overview
from nas_nb.notebook.tables import steering_table
from nas_nb.notebook.wording import Snapshot
from nas_nb.record.files import given_path, writing
from nas_nb.record.trial_facts import score_text
from nas_nb.search.folder import missing_arguments
from nas_nb.space.domain import size_text
from nas_nb.space.search_space import SearchSpace

if TYPE_CHECKING:
    from collections.abc import Callable

    from nas_nb.search.search import Search
    from nas_nb.search.trials import SearchTrial

BEST_SHOWN = 10
FAILURES_SHOWN = 10
STEERING_SHOWN = 20


class Report:
    """A search's record as it was when the report was made: HTML, a picture, and text."""

    def __init__(self, search: Search) -> None:
        now = Snapshot(search)
        picture = overview().printed(PlotContext(now.history, now.space.domain))
        self.html = html_record(now, picture, wording.status_line(now))
        self.png = picture.png
        self.text = text_record(now, wording.status_line(now))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return record_bundle(self.html, self.png, self.text)

    def __repr__(self) -> str:
        return printable(self.text)


def saved_record(now: Snapshot, picture: Printed) -> dict[str, str]:
    """Returns the record that is saved beside a panel: whoever reads it has no kernel."""
    status = wording.status_line(now, interrupted=now.state.live)
    html_text = html_record(now, picture, status)
    return record_bundle(html_text, picture.png, text_record(now, status))


def html_record(now: Snapshot, picture: Printed, status: str) -> str:
    """Returns the record as plain HTML: no styles, scripts or links to anything outside."""
    history = now.history
    reopen = f"<p>Reopen: <code>{html.escape(reopen_line(now))}</code></p>"
    parts = [
        reopen if history.opened else "",
        f"<p><strong>{html.escape(_title(now))}</strong>, {_time(now)}</p>",
        f"<p>{html.escape(status)}</p>",
        f"<p>{html.escape(told)}</p>" if (told := summary_text(now)) else "",
        f"<p>{picture.html()}</p>",
        tables.incumbent_table(history),
        tables.leaderboard(history, BEST_SHOWN),
        tables.failures_table(history, FAILURES_SHOWN),
        steering_table(history, STEERING_SHOWN),
        tables.table("Configuration", (), _facts(now)),
    ]
    return "\n".join(part for part in parts if part)


def text_record(now: Snapshot, status: str) -> str:
    """Returns the record as text, for terminals and for readers that show nothing else."""
    best = now.history.incumbent
    lines = [f"Reopen: {reopen_line(now)}"] if now.history.opened else []
    lines += [f"{_title(now)}, {_time(now)}", status, *filter(None, [summary_text(now)])]
    if best is not None:
        lines.append(f"Incumbent: {wording.values_text(best.values)}")
    for trial in tables.top_trials(now.history, BEST_SHOWN):
        score = score_text(now.history, trial)
        lines.append(f"  trial {trial.number:>4}  {score}  {wording.values_text(trial.values)}")
    lines += [f"{name}: {fact}" for name, fact in _facts(now)]
    return "\n".join(lines)


@lru_cache(maxsize=1)  # a record says it twice, and it takes a while
def summary_text(now: Snapshot) -> str:
    """Returns why a search ended as it did, in a paragraph; '' while it goes on."""
    if now.state.live or now.history.incumbent is None:
        return ""
    return SearchSummary(now.history, now.space.domain).text


def reopen_line(now: Snapshot) -> str:
    """Returns the call that opens the search in another kernel, with all that has to be given."""
    missing = missing_arguments(now.history.opened[-1]) if now.history.opened else {}
    given = "".join(f", {argument}={_variable(argument, now)}" for argument in missing)
    return f"nas.open({wording.folder_text(now.directory)!r}{given})"


def interrupted_text(now: Snapshot) -> str:
    """Returns what an interrupt left, and how to go on, for a terminal."""
    return (
        f"Interrupted: {wording.progress_text(now)} ended, and all of it is kept. Go on with "
        f"`search.resume()`, or in another program with `{reopen_line(now)}.resume()`."
    )


def _variable(argument: str, now: Snapshot) -> str:
    """Returns the name of the user's variable that holds it, or else words, which can't be run."""
    function: object = getattr(now.strategy, "function", None)
    own: tuple[object, ...] = {
        "space": (now.space, now.space.definition.identity),
        "data": (now.data,),
        "strategy": (now.strategy, function),
    }[argument]
    user_ns: dict[str, Any] | None = getattr(get_ipython(), "user_ns", None)
    names = user_ns or vars(sys.modules["__main__"])
    known = {name: held for name, held in [*names.items()] if not name.startswith("_")}
    for value in own:
        for name, held in known.items():
            if held is value and held is not None:
                return name
    if argument == "space":  # a search makes another one of it, for its data
        for name, held in known.items():
            if isinstance(held, SearchSpace) and _for_data(held, now) == now.space:
                return name
    called = f" '{now.strategy.name}'" if argument == "strategy" else ""
    return f"<the {argument}{called} of this search>"


def _for_data(space: SearchSpace, now: Snapshot) -> SearchSpace | None:
    try:
        return space.for_data(now.data.spec)
    except SpaceError:
        return None


def _title(now: Snapshot) -> str:
    return f"Architecture search '{now.name}'"


def _time(now: Snapshot) -> str:
    return f"as of {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now.taken))}"


def _facts(now: Snapshot) -> list[tuple[str, object]]:
    better = "higher" if now.direction == "max" else "lower"
    minimised = "".join(f", {name} (lower is better)" for name in now.history.minimised)
    options = wording.values_text({k: str(v) for k, v in now.strategy.options.items()})
    who = wording.choice_text(now) or now.strategy.name
    return [
        ("space", size_text(now.space.size)),
        ("data", now.data.describe()),
        ("objective", f"{now.objective} ({better} is better){minimised}"),
        ("strategy", f"{who}{f' ({options})' if options else ''}"),
        ("budget", wording.budget_text(now)),
        ("seed", now.seed),
        ("time", f"{wording.passed_text(now)} in all"),
        ("journal", _journal(now)),
    ]


def _journal(now: Snapshot) -> str:
    path = now.directory / "journal.jsonl"
    if not path.is_file():
        return "not written before the start"
    return f"{wording.folder_text(now.directory)}/{path.name}"


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>
body {{ font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }}
table {{ border-collapse: collapse; margin: 1em 0 }} td, th {{ padding: .2em .7em; border-bottom: 1px solid #ddd }}
img {{ max-width: 100%; height: auto }} pre {{ background: #f4f4f4; padding: 1em; overflow: auto }}
</style></head><body>
<h1>{title}</h1>
{record}
{rest}
</body></html>
"""  # noqa: E501 - the page's own lines


_STEPS = """<ol><li>Install the versions below.</li>
<li>Open the search with the line at the top: its trials and weights are read from its folder.</li>
<li><code>search.best.code(training=True)</code> is a script that trains the best trial again.</li>
<li>The same space, data, strategy, budget and seed give the same trials, where one process
trains and nobody steers.</li></ol>"""


def write_page(search: Search, report: Report, path: str | Path) -> None:
    """Writes a report as one HTML page, which asks for nothing from elsewhere."""
    opening = search.history.opened[-1] if search.history.opened else {}
    parts = []
    if search.history.incumbent is not None:
        for title, shown in (("architecture", _diagram), ("code", _code)):
            parts += [f"<h2>Its {title}</h2>", _shown(shown, search.best)]
    names = ("identity", "data_recipe", "versions")
    rows = [(name, json.dumps(opening.get(name), default=str)) for name in names]
    parts += [f"<h2>How to reproduce it</h2>{_STEPS}"]
    parts += [tables.table("Fingerprints and versions", (), rows)]
    title = html.escape(f"Architecture search \u201c{search.name}\u201d")
    page = _PAGE.format(title=title, record=report.html, rest="\n".join(parts))
    with writing(file := given_path(path, SearchError), SearchError):
        file.write_text(page, encoding="utf-8", errors="backslashreplace")


def _shown(show: Callable[[SearchTrial], str], trial: SearchTrial) -> str:
    try:
        return show(trial)
    except Exception as error:  # noqa: BLE001 - the user's build function may raise anything
        return f"<p>It can't be shown: {html.escape(reason_of(error))}</p>"


def _diagram(trial: SearchTrial) -> str:
    return diagram_image(trial.architecture.layout(), f"Diagram of trial {trial.number}.")


def _code(trial: SearchTrial) -> str:
    return f"<pre>{html.escape(trial.code())}</pre>"
