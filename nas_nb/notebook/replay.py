"""A search played back in a cell: a slider over its trials, and the plots as they were then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nas_nb.notebook import terminal, wording
from nas_nb.notebook.deeds import steering_text
from nas_nb.search.budget import describe_duration
from nas_nb.search.replay import Playback

if TYPE_CHECKING:
    from nas_nb.record.history import History

_LINES = 40


class Replay(Playback):
    """A search as it was after each of its trials: `replay.to(10)`, `replay.at(event)`.

    In a notebook a slider and a Play button go through the trials, and the picture stays in the
    saved notebook as it was last shown; in a terminal each new incumbent is a line.
    """

    def _ipython_display_(self) -> None:
        if not terminal.in_notebook():
            terminal.say(repr(self))
            return
        from nas_nb.notebook.replay_view import ReplayView

        ReplayView(self).show()

    def status(self) -> str:
        """Returns in a sentence what had happened by this position."""
        ended, best = len(self.history.finished), self.history.incumbent
        text = f"{self.name}, {ended} of {len(self)} trials, {describe_duration(self.seconds)} in."
        if best is not None:
            score = wording.number_text(best.score)
            text += f" Best {self.history.objective} {score} in trial {best.number}."
        return text

    def deeds(self) -> str:
        """Returns what its user did since the trial before, or ''."""
        ended = len(self.history.finished)
        since = self.stops[ended - 1] if 0 < ended <= len(self) else 0
        done = [e for e in self.events[since : self.position] if e["event"] == "steered"]
        return "; ".join(steering_text(event) for event in done)

    def __repr__(self) -> str:
        lines = list(_incumbents(self))
        more = [f"({len(lines) - _LINES} earlier incumbents)"] if len(lines) > _LINES else []
        return "\n".join([self.status(), *more, *lines[-_LINES:]])


def _incumbents(replay: Replay) -> Iterator[str]:
    history: History = replay.history
    for number, score in history.incumbent_path:
        values = wording.values_text(history[number].values)
        yield f"  trial {number:>4}  {wording.number_text(score)}  {values}"


def replay(directory: str | Path) -> Replay:
    """Plays a search back: the history as it was after each trial, with the plots of then.

    Args:
        directory: The project folder of a search, finished or not, or its journal.

    Returns:
        What a cell shows with a slider and a Play button. `.to(trials)` and `.at(event)` return
        the `History` of that moment.

    Raises:
        SearchError: There is no search in the folder.
    """
    return Replay.open(directory)
