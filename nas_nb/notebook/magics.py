"""`%nas` and `%%nas`. Loading them imports nothing heavy; what they do imports what it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from nas_nb.errors import NasError, nearest
from nas_nb.notebook import arguments, completion, terminal

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from nas_nb.data import Data
    from nas_nb.notebook.replay import Replay
    from nas_nb.notebook.search import Search


def load(shell: InteractiveShell) -> None:
    """Adds `%nas`, `%%nas` and their completion to the shell."""
    shell.register_magics(NasMagics)
    completion.load(shell)


def unload(shell: InteractiveShell) -> None:
    """Takes them away again."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("nas", None)
    shell.magics_manager.registry.pop("NasMagics", None)
    completion.unload(shell)


@magics_class
class NasMagics(Magics):
    """The magics of nas_nb; each is a short way to write what the Python API does."""

    @no_var_expand
    @line_cell_magic
    def nas(self, line: str, cell: str | None = None) -> Any:  # noqa: D102 - its help is built
        with _in_one_line():
            return self._of_line(line) if cell is None else self._of_cell(line, cell)

    nas.__doc__ = arguments.help_text()

    @property
    def _shell(self) -> InteractiveShell:
        if self.shell is None:
            raise UsageError("%nas: there is no shell: load the extension with %load_ext nas_nb.")
        return self.shell

    def _of_line(self, line: str) -> Any:
        asked = arguments.line_parser().read(line)
        action, words = asked.action, asked.words
        if action not in _DO and action not in _NAMED:
            from nas_nb.notebook.steer_magics import steer

            return steer(_current(), action, words)
        if len(words) > (1 if action in _NAMED else 0):
            several = "one argument" if action in _NAMED else "no argument"
            raise UsageError(f"%nas {action} takes {several}. Received: '{words[-1]}'.")
        if action in _NAMED:
            return getattr(self, _NAMED[action])(words[0] if words else None)
        return _DO[action](_current())

    def _use(self, name: str | None) -> None:
        from nas_nb.data import use

        if name is None:
            raise UsageError("%nas data: which one? Write for example `%nas data digits`.")
        terminal.say(f"Default data: {use(self._data(name)).describe()}")

    def _open(self, folder: str | None) -> Search:
        """Opens the search in a folder: what it found is shown, and `%nas resume` goes on."""
        if folder is None:
            raise UsageError("%nas open: which folder? Write `%nas open nas_nb_runs/...`.")
        _announce_loading()
        from nas_nb.notebook.search import open_search

        return open_search(folder)

    def _replay(self, folder: str | None) -> Replay:
        """Plays the search in a folder back, or the current one."""
        from nas_nb.notebook.replay import replay

        return replay(_current().directory if folder is None else folder)

    def _of_cell(self, line: str, cell: str) -> None:
        asked = arguments.cell_parser().read(line)
        if not asked.name.isidentifier():
            raise UsageError(f"%%nas: '{asked.name}' is no name for a variable.")
        _announce_loading()
        from nas_nb.notebook.cell import space_of_cell
        from nas_nb.notebook.search import Search

        options = {key: value for key, value in vars(asked).items() if value is not None}
        start, name = options.pop("start"), options["name"]
        if asked.data is not None:
            options["data"] = self._data(asked.data)
        if asked.option is not None:
            options["options"] = options.pop("option")
        search = Search(space_of_cell(self._shell, cell), **options)
        self._shell.user_ns[name] = search
        search.panel()
        if start:
            search.start()

    def _data(self, name: str) -> Data:
        """Returns the data of a variable, or the registered data set of that name."""
        from nas_nb.data import Data, load
        from nas_nb.data.ready import NAMES

        value = self._shell.user_ns.get(name)
        if isinstance(value, Data):
            return value
        if name in NAMES:
            return load(name)
        variables = [key for key, held in self._shell.user_ns.items() if isinstance(held, Data)]
        what = "is not data" if value is not None else "is no variable and no data set"
        hint = nearest(name, [*variables, *NAMES])
        raise UsageError(f"'{name}' {what}: expected one of {', '.join(NAMES)}, or a Data.{hint}")


def _current() -> Search:
    if "nas_nb.search.session" in sys.modules:
        from nas_nb.search.session import current_search

        search = current_search()
        if search is not None:
            return search  # type: ignore[return-value]
    raise UsageError("There is no search yet: make one with `%%nas NAME` or `nas.Search(...)`.")


def _say_status(search: Search) -> None:
    from nas_nb.notebook import wording

    time = wording.time_line(search)
    parts = (wording.status_line(search), f"{time}." if time else "", wording.choice_text(search))
    terminal.say(f"{search.name}: {' '.join(part for part in parts if part)}")


def _request(action: str, then: str) -> Callable[[Search], None]:
    """Returns what asks for something that takes effect within a batch or a second."""

    def asked(search: Search) -> None:
        getattr(search, action)()
        terminal.say(f"{search.name}: {then}")

    return asked


def _ask(action: str) -> Callable[[Search], None]:
    def asked(search: Search) -> None:
        getattr(search, action)()
        _say_status(search)

    return asked


_DO: dict[str, Callable[[Search], Any]] = {
    "status": _say_status,
    "start": _ask("start"),
    "pause": _request("pause", "it pauses within a batch or a second; `%nas resume` goes on."),
    "resume": _request("resume", "it goes on; `%nas wait` waits for its end."),
    "stop": _request("stop", "it stops within a batch or a second; `%nas resume` goes on later."),
    "wait": _ask("wait"),
    "best": lambda search: search.best,
    "trials": lambda search: search.trials,
    "panel": lambda search: search.panel(),
    "report": lambda search: search.report(),
}


_NAMED = {"data": "_use", "open": "_open", "replay": "_replay"}

_MAGICS = {
    "`search.steer.release()`": "`%nas release`",
    "`search.steer`": "`%nas pin`, `%nas budget` and the like",
    "`search.start()`": "`%nas start`",
    "`search.resume()`": "`%nas resume`",
    "`search.stop()`": "`%nas stop`",
    "`search.wait()`": "`%nas wait`",
    "`await search`": "`%nas wait`",
    " or `nas.current_search().stop()`": "",
}


def _announce_loading() -> None:
    if "tensorflow" not in sys.modules:
        terminal.say("Loading TensorFlow (some seconds, once per kernel)...")


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Turns our errors into IPython's UsageError, which is shown in one line."""
    try:
        yield
    except arguments.HelpAsked as help_asked:
        terminal.say(str(help_asked))
    except NasError as error:
        raise UsageError(_in_magics(str(error))) from None


def _in_magics(advice: str) -> str:
    """Returns the advice for somebody who uses magics: `%nas start` for `search.start()`."""
    for code, magic in _MAGICS.items():
        advice = advice.replace(code, magic)
    return advice
