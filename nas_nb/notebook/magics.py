"""`%nas` and `%%nas`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from nas_nb.errors import NasError, SpaceError, nearest
from nas_nb.notebook import magic_arguments, output

if TYPE_CHECKING:
    import argparse

    from IPython.core.interactiveshell import InteractiveShell

    from nas_nb.data.dataset import Data
    from nas_nb.notebook.replay import Replay
    from nas_nb.notebook.search_display import Search
    from nas_nb.record.trial import Value


def load(shell: InteractiveShell) -> None:
    """Adds `%nas`, `%%nas` and their completion to the shell."""
    shell.register_magics(NasMagics)
    magic_arguments.load(shell)


def unload(shell: InteractiveShell) -> None:
    """Takes them away again."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("nas", None)
    shell.magics_manager.registry.pop("NasMagics", None)
    magic_arguments.unload(shell)


@magics_class
class NasMagics(Magics):
    """The magics of nas_nb; each is a short way to write what the Python API does."""

    @no_var_expand
    @line_cell_magic
    def nas(self, line: str, cell: str | None = None) -> Any:  # noqa: D102 - its help is built
        with _in_one_line():
            return self._of_line(line) if cell is None else self._of_cell(line, cell)

    nas.__doc__ = magic_arguments.help_text()

    @property
    def _shell(self) -> InteractiveShell:
        if self.shell is None:
            raise UsageError("%nas: there is no shell: load the extension with %load_ext nas_nb.")
        return self.shell

    def _of_line(self, line: str) -> Any:
        asked = magic_arguments.line_parser().read(line)
        action, words = asked.action, asked.words
        if action != "open" and any((asked.space, asked.data, asked.strategy)):
            raise UsageError(f"%nas {action} takes no option: they are for `%nas open`.")
        if action not in _DO and action not in _NAMED:
            return steer_line(_current(), action, words)
        if len(words) > (1 if action in _NAMED else 0):
            several = "one argument" if action in _NAMED else "no argument"
            raise UsageError(f"%nas {action} takes {several}. Received: '{words[-1]}'.")
        if action == "open":
            return self._open(words[0] if words else None, asked)
        if action in _NAMED:
            return getattr(self, _NAMED[action])(words[0] if words else None)
        return _DO[action](_current())

    def _use(self, name: str | None) -> None:
        from nas_nb.data.datasets import use

        if name is None:
            raise UsageError("%nas data: which one? Write for example `%nas data digits`.")
        output.say(f"Default data: {use(self._data(name)).describe()}")

    def _open(self, folder: str | None, asked: argparse.Namespace) -> Search:
        """Opens the search in a folder: what it found is shown, and `%nas resume` goes on."""
        if folder is None:
            raise UsageError("%nas open: which folder? Write `%nas open nas_nb_runs/...`.")
        _announce_loading()
        # By the front door, which lets TensorFlow start in silence.
        from nas_nb import open as open_search

        given: dict[str, Any] = {} if asked.data is None else {"data": self._data(asked.data)}
        if asked.space is not None:
            given["space"] = self._variable("--space", asked.space)
        if asked.strategy is not None:
            given["strategy"] = self._strategy(asked.strategy)
        return open_search(folder, **given)

    def _strategy(self, name: str) -> Any:
        from nas_nb.strategy.registry import STRATEGIES

        return name if name in STRATEGIES else self._variable("--strategy", name)

    def _variable(self, option: str, name: str) -> Any:
        names = self._shell.user_ns
        if name not in names:
            raise UsageError(f"%nas open {option}: '{name}' is not defined.{nearest(name, names)}")
        return names[name]

    def _replay(self, folder: str | None) -> Replay:
        """Plays the search in a folder back, or the current one."""
        from nas_nb.notebook.replay import replay

        return replay(_current().directory if folder is None else folder)

    def _of_cell(self, line: str, cell: str) -> None:
        asked = magic_arguments.cell_parser().read(line)
        if not asked.name.isidentifier():
            raise UsageError(f"%%nas: '{asked.name}' is no name for a variable.")
        _announce_loading()
        from nas_nb import Search  # by the front door, as above

        options = {key: value for key, value in vars(asked).items() if value is not None}
        start, name = options.pop("start"), options["name"]
        if asked.data is not None:
            options["data"] = self._data(asked.data)
        if asked.option is not None:
            options["strategy_options"] = options.pop("option")
        search = Search(space_of_cell(self._shell, cell), **options)
        self._shell.user_ns[name] = search
        search.panel()
        if start:
            search.start()

    def _data(self, name: str) -> Data:
        """Returns the data of a variable, or the registered data set of that name."""
        from nas_nb.data.dataset import Data
        from nas_nb.data.datasets import DATASET_NAMES, load

        value = self._shell.user_ns.get(name)
        if isinstance(value, Data):
            return value
        if name in DATASET_NAMES:
            return load(name)
        variables = [key for key, held in self._shell.user_ns.items() if isinstance(held, Data)]
        what = "is not data" if value is not None else "is no variable and no data set"
        hint = nearest(name, [*variables, *DATASET_NAMES])
        raise UsageError(
            f"'{name}' {what}: expected one of {', '.join(DATASET_NAMES)}, or a Data.{hint}"
        )


def _current() -> Search:
    from nas_nb.search.session import current_search

    search: Search | None = current_search()
    if search is not None:
        return search
    raise UsageError("There is no search yet: make one with `%%nas NAME` or `nas.Search(...)`.")


def _say_status(search: Search) -> None:
    from nas_nb.notebook import wording
    from nas_nb.notebook.wording import Snapshot

    now = Snapshot(search)
    time = wording.time_line(now)
    parts = (wording.status_line(now), f"{time}." if time else "", wording.choice_text(now))
    output.say(f"{search.name}: {' '.join(part for part in parts if part)}")


def _request(action: str, then: str) -> Callable[[Search], None]:
    """Returns what asks for something that takes effect within a batch or a second."""

    def asked(search: Search) -> None:
        getattr(search, action)()
        output.say(f"{search.name}: {then}")

    return asked


def _stop(search: Search) -> None:
    if not search.state.live:  # else `stop` leaves one that has ended as it is, in silence
        raise search.project.nothing_to("stop")
    _request("stop", "it stops within a batch or a second; `%nas resume` goes on later.")(search)


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
    "stop": _stop,
    "wait": _ask("wait"),
    "best": lambda search: search.best,
    "trials": lambda search: search.trials,
    "panel": lambda search: search.panel(),
    "report": lambda search: search.report(),
    "explain": lambda search: search.explain(),
}

_NAMED = {"data": "_use", "open": "_open", "replay": "_replay"}

_MAGICS = {
    "`search.steer.unrestrict()`": "`%nas unrestrict`",
    "`search.steer`": "`%nas pin`, `%nas budget` and the like",
    "`search.start()`": "`%nas start`",
    "`search.resume()`": "`%nas resume`",
    "`search.stop()`": "`%nas stop`",
    "`search.wait()`": "`%nas wait`",
    "`search.explain()`": "`%nas explain`",
    "`await search`": "`%nas wait`",
    " or `nas.current_search().stop()`": "",
}


def _announce_loading() -> None:
    if "tensorflow" not in sys.modules:
        output.say("Loading TensorFlow (some seconds, once per kernel)...")


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Turns our errors into IPython's UsageError, which is shown in one line."""
    try:
        yield
    except magic_arguments.HelpAsked as help_asked:
        output.say(str(help_asked))
    except NasError as error:
        raise UsageError(_in_magics(str(error))) from None


def _in_magics(advice: str) -> str:
    """Returns the advice for somebody who uses magics: `%nas start` for `search.start()`."""
    for code, magic in _MAGICS.items():
        advice = advice.replace(code, magic)
    return advice


Act = Callable[["Search", Sequence[str]], None]


def steer_line(search: Search, action: str, words: Sequence[str]) -> None:
    """Does what a line asks for, and says what is left of the space and waits."""
    STEERING[action](search, words)
    asked = search.steer
    rules = str(asked.rules) or "nothing is restricted"
    left, size = search.space_left, search.space.domain.distinct.size
    text = f"{search.name}: {rules}; {left:,} of {size:,} architectures are left"
    waiting = len(asked.queued)
    output.say(f"{text}{f', {waiting} of yours wait' if waiting else ''}.")


def parse_assignments(action: str, words: Sequence[str], *, lists: bool = False) -> dict[str, Any]:
    """Returns what words such as `units=64` assign; values are read as Python writes them."""
    found = {}
    for word in words or ("",):
        name, sign, text = word.partition("=")
        if not name.isidentifier() or not sign or not text:
            raise UsageError(
                f"%nas {action} takes NAME=VALUE, for example {_EXAMPLES[action]}. "
                f"Received: '{word}'."
            )
        found[name] = [_value(part) for part in text.split(",")] if lists else _value(text)
    return found


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _rule(action: str) -> Act:
    lists = action in ("pin", "without")

    def asked(search: Search, words: Sequence[str]) -> None:
        getattr(search.steer, action)(**parse_assignments(action, words, lists=lists))

    return asked


def _queue(search: Search, words: Sequence[str]) -> None:
    """Queues the incumbent with these choices changed; without one, the space's defaults."""
    changes: dict[str, Value] = parse_assignments("queue", words)
    domain, best = search.space.domain, search.history.incumbent
    domain.complete(changes)  # what is no choice, or no value of one, is named
    values = dict(changes)
    for name, value in best.values.items() if best is not None else ():
        if name not in values and _is_legal(domain, {**values, name: value}):
            values[name] = value  # else the change leaves it no such value: its default
    search.steer.queue(domain.complete(values))


def _is_legal(domain: Any, values: dict[str, Value]) -> bool:
    from nas_nb.errors import SpaceError

    try:
        domain.complete(values)
    except SpaceError:
        return False
    return True


def _more_epochs(search: Search, words: Sequence[str]) -> None:
    if len(words) != 2 or not all(word.isdigit() for word in words):
        raise UsageError(
            "%nas more_epochs takes a trial and how many epochs more, for example "
            f"{_EXAMPLES['more_epochs']}. Received: '{' '.join(words)}'."
        )
    search.steer.more_epochs(int(words[0]), int(words[1]))


def _strategy(search: Search, words: Sequence[str]) -> None:
    if not words:
        raise UsageError(f"%nas strategy: which one? Write {_EXAMPLES['strategy']}.")
    options = parse_assignments("strategy", words[1:]) if words[1:] else {}
    search.steer.strategy(words[0], **options)


def _budget(search: Search, words: Sequence[str]) -> None:
    search.steer.budget(**parse_assignments("budget", words))


def _alone(action: str) -> Act:
    def asked(search: Search, words: Sequence[str]) -> None:
        if words:
            raise UsageError(f"%nas {action} takes no argument. Received: '{words[0]}'.")
        getattr(search.steer, action)()

    return asked


STEERING: dict[str, Act] = {
    **{action: _rule(action) for action in ("pin", "without", "at_least", "at_most")},
    "unrestrict": lambda search, words: search.steer.unrestrict(*words),
    "queue": _queue,
    "unqueue": _alone("unqueue"),
    "stop_trial": _alone("stop_trial"),
    "more_epochs": _more_epochs,
    "strategy": _strategy,
    "budget": _budget,
}
"""What steers, by its word."""

_EXAMPLES = {
    "pin": "%nas pin units=32,64",
    "without": "%nas without layer_1=Dense",
    "at_least": "%nas at_least units=64",
    "at_most": "%nas at_most units=64",
    "queue": "%nas queue units_1=64",
    "more_epochs": "%nas more_epochs 3 10",
    "strategy": "%nas strategy evolution population=10",
    "budget": "%nas budget max_trials=100",
}

BUILD = "build"


def space_of_cell(shell: InteractiveShell, body: str) -> Any:
    """Runs the cell's body in the user's namespace and returns the space that it describes."""
    source = shell.transform_cell(body)
    filename = shell.compile.cache(source, shell.execution_count, raw_code=body)
    tree = ast.parse(source, filename)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compile(tree, filename, "exec"), shell.user_ns)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), filename, "eval"), shell.user_ns)
        if _is_space(value) or callable(value):
            return value
    return _named_space(tree, shell.user_ns)


def _named_space(tree: ast.Module, names: Mapping[str, Any]) -> Any:
    if any(isinstance(part, ast.FunctionDef) and part.name == BUILD for part in tree.body):
        return names[BUILD]
    spaces = [name for name in _assigned(tree) if _is_space(names.get(name))]
    if len(spaces) == 1:
        return names[spaces[0]]
    found = f"several ({', '.join(spaces)})" if spaces else "none"
    raise SpaceError(
        f"Expected one search space in the cell. Received: {found}. Define build(hp), or end "
        "the cell with a dict of choices: {'layers': ['Dense'], 'units': [32], "
        "'activations': ['relu']}."
    )


def _assigned(tree: ast.Module) -> list[str]:
    """Returns the names that the cell assigns at its top level, each once."""
    targets: list[ast.expr] = []
    for part in tree.body:
        if isinstance(part, ast.Assign):
            targets += part.targets
        elif isinstance(part, ast.AnnAssign):
            targets.append(part.target)
    return list(dict.fromkeys(target.id for target in targets if isinstance(target, ast.Name)))


def _is_space(value: object) -> bool:
    import keras_tuner as kt

    return isinstance(value, (dict, kt.HyperModel))
