"""Their arguments, help and Tab completion."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher
from IPython.core.error import UsageError

from nas_nb.errors import nearest
from nas_nb.search.budget import LIMITS, LimitKind

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

ACTIONS = {
    "status": "say what the current search does and has found (the same as %nas alone)",
    "start": "start the current search beside the notebook, or go on with it",
    "pause": "let it wait, the trial in its place",
    "resume": "let it go on",
    "stop": "end it within one batch or one second; it can be resumed",
    "wait": "wait here until it ends; an interrupt stops it gracefully",
    "best": "return the incumbent: the best completed trial",
    "trials": "return all trials as a pandas.DataFrame",
    "panel": "show the panel again: controls, buttons and live plots",
    "report": "show the record of the search, which needs no kernel to be read",
    "explain": "say why the winner won, how sure that is, and what it gets wrong",
    "open": "open the search in a folder again, e.g. %nas open nas_nb_runs/mine, and return it",
    "data": "use a data set by default: a variable, or a name such as digits",
    "replay": "play a search back, trial by trial: that of a folder, or the current one",
    "pin": "propose only some values of choices from now on: %nas pin units=32,64",
    "without": "leave values out: %nas without layer_1=Dense",
    "at_least": "leave smaller numbers out: %nas at_least units=64",
    "at_most": "leave larger numbers out: %nas at_most units=64",
    "unrestrict": "lift all restrictions, or those of some choices: %nas unrestrict units",
    "queue": "try the incumbent with other choices next: %nas queue units_1=64",
    "unqueue": "drop the candidates that wait",
    "stop_trial": "end the running trial with what it has; the search goes on",
    "more_epochs": "train a trial longer: %nas more_epochs 3 10 gives trial 3 ten more",
    "strategy": "let another strategy propose: %nas strategy evolution population=10",
    "budget": "change limits: %nas budget max_trials=100",
}
"""What `%nas` can do, each with its help."""


class HelpAsked(Exception):  # noqa: N818 - not an error: the reader gets what was asked for
    """Carries the help text that `-h` asked for."""


class Parser(argparse.ArgumentParser):
    """An argument parser for a notebook: it neither exits nor prints, and knows what was meant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, add_help=False, allow_abbrev=False)
        self.add_argument("-h", "--help", action=_Help, nargs=0, help="show this text")

    def read(self, line: str) -> argparse.Namespace:
        """Returns the arguments of a magic's line."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            self.error(f"{error}: {line!r}")
        known, unknown = self.parse_known_intermixed_args(words)
        if unknown:
            hint = nearest(unknown[0], self.options())
            self.error(f"there is no argument '{unknown[0]}'.{hint}")
        return known

    def options(self) -> list[str]:
        """Returns the long options, for completion and for suggestions."""
        return [name for name in self._option_string_actions if name.startswith("--")]

    def error(self, message: str) -> NoReturn:
        """Raises the UsageError that IPython shows in one line, without a traceback."""
        end = "" if message.endswith(("?", ".")) else "."
        raise UsageError(f"{self.prog}: {message}{end} See `{self.prog} -h`.")


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        raise HelpAsked(parser.format_help())


class _Known(argparse.Action):
    """Takes one of some words, and suggests the nearest for any other."""

    def __init__(self, *args: Any, known: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known = known

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any
    ) -> None:
        if values is not None and values not in self._known:
            parser.error(f"there is no '{values}'.{nearest(values, self._known)}")
        setattr(namespace, self.dest, values)


class _Option(argparse.Action):
    """Collects options of a strategy; their values are read as Python writes them."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any
    ) -> None:
        name, sign, text = values.partition("=")
        if not name.isidentifier() or not sign:
            parser.error(f"--option takes NAME=VALUE, for example population=50, not '{values}'")
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = text
        setattr(namespace, self.dest, {**(getattr(namespace, self.dest) or {}), name: value})


_KINDS: dict[LimitKind, tuple[type, str]] = {
    LimitKind.COUNT: (int, "N"),
    LimitKind.DURATION: (str, "TIME"),
    LimitKind.BYTES: (str, "BYTES"),
}


def _workers(text: str) -> int | str:
    return int(text) if text.isdigit() else text


_SETTINGS: dict[str, tuple[Callable[[str], Any], str, str]] = {
    **{limit.name.replace("_", "-"): (*_KINDS[limit.kind], limit.about) for limit in LIMITS},
    "epochs": (int, "N", "epochs per trial"),
    "batch-size": (int, "N", "samples a batch"),
    "data-fraction": (float, "SHARE", "of the training samples that trials are trained on"),
    "executions-per-trial": (int, "N", "trainings of each candidate, whose mean is its score"),
    "patience": (int, "N", "epochs without improvement after which a trial ends"),
    "min-delta": (float, "X", "what counts as improvement"),
    "seed": (int, "N", "decides all that is drawn"),
    "workers": (_workers, "N", "processes that train so many trials at once; auto: as many as fit"),
}


def line_parser() -> Parser:
    """Returns the parser of `%nas`."""
    about = "\n".join(f"  {name:<11} {text}" for name, text in ACTIONS.items())
    parser = Parser(
        prog="%nas",
        usage="%(prog)s [ACTION] [WORD ...]",
        description="Steers the current search: the one that runs, else the latest.",
        epilog=f"actions:\n{about}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action", nargs="?", default="status", action=_Known, known=list(ACTIONS), help="see below"
    )
    about = "the data set for data, the folder for open and replay, NAME=VALUE to steer"
    parser.add_argument("words", nargs="*", metavar="WORD", help=about)
    parser.add_argument("--space", metavar="NAME", help="for open: the variable of its space")
    parser.add_argument("--data", metavar="NAME", help="for open: the variable of its data")
    parser.add_argument("--strategy", metavar="NAME", help="for open: who proposes")
    return parser


def cell_parser() -> Parser:
    """Returns the parser of `%%nas`."""
    parser = Parser(
        prog="%%nas",
        usage="%(prog)s NAME [options]",
        description="Makes a search of the space that the cell describes, and shows its panel. The "
        "cell defines a KerasTuner build(hp), or ends with a dict, or assigns one.",
    )
    parser.add_argument("name", help="the variable that will hold the search")
    parser.add_argument("--strategy", metavar="NAME", help="who proposes: evolution, random, ...")
    parser.add_argument(
        "--option", action=_Option, metavar="NAME=VALUE", help="of the strategy; may be repeated"
    )
    about = "what is compared: val_accuracy, ...; with costs: val_accuracy,params"
    parser.add_argument("--objective", metavar="NAME", help=about)
    for name, (kind, metavar, text) in _SETTINGS.items():
        parser.add_argument(f"--{name}", type=kind, metavar=metavar, help=text.replace("%", "%%"))
    about = "end trials early whose learning curve can't reach the best"
    parser.add_argument("--prune", action="store_true", default=None, help=about)
    parser.add_argument("--directory", metavar="PATH", help="the project folder, to go on in later")
    about = "the folder of another search, whose trials strategies learn from"
    parser.add_argument("--prior", metavar="PATH", help=about)
    parser.add_argument("--data", metavar="NAME", help="a variable, or a name such as digits")
    parser.add_argument("--start", action="store_true", help="start it at once")
    return parser


def help_text() -> str:
    """Returns the help of both magics, as `%nas?` shows it."""
    return f"{line_parser().format_help()}\n{cell_parser().format_help()}"


_MAGIC = re.compile(r"\s*(?:[\w.]+\s*=\s*)?(%%?)nas\s(.*)", re.DOTALL)
_TITLE = "nas_nb"


def load(shell: InteractiveShell) -> None:
    """Lets the shell complete what follows our magics."""
    unload(shell)

    @context_matcher(identifier=_TITLE)  # type: ignore[untyped-decorator]
    def match(context: CompletionContext) -> Any:
        found = candidates(context.text_until_cursor, context.token, shell.user_ns)
        # Without suppression the names of the notebook would be mixed in.
        completions = [SimpleCompletion(text=text, type="param") for text in found]
        return {"completions": completions, "suppress": bool(completions)}

    shell.Completer.custom_matchers.append(match)


def unload(shell: InteractiveShell) -> None:
    """Takes the completion away again."""
    matchers = shell.Completer.custom_matchers
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != _TITLE]


def candidates(text: str, token: str, names: dict[str, Any]) -> list[str]:
    """Returns what may stand where the cursor is."""
    match = _MAGIC.fullmatch(text)
    if match is None:
        return []
    words = match[2].removesuffix(token).split()
    of = _of_cell if match[1] == "%%" else _of_line
    return [word for word in of(words, names) if word.startswith(token)]


def _of_line(words: list[str], names: dict[str, Any]) -> list[str]:
    if not words:
        return list(ACTIONS)
    if words[0] in ("pin", "without", "at_least", "at_most", "queue"):
        return _choices()
    values = {
        "data": lambda: _data(names),
        "open": _folders,
        "replay": _folders,
        "strategy": _strategies,
    }
    return values[words[0]]() if len(words) == 1 and words[0] in values else []


def _of_cell(words: list[str], names: dict[str, Any]) -> list[str]:
    values: dict[str, Callable[[], list[str]]] = {
        "--strategy": _strategies,
        "--data": lambda: _data(names),
    }
    if words and words[-1] in values:
        return values[words[-1]]()
    unused = [option for option in cell_parser().options() if option not in words]
    return unused if words else []


def _choices() -> list[str]:
    """Returns the choices of the current search's space, ready for a value."""
    from nas_nb.search.session import current_search

    search = current_search()
    return [] if search is None else [f"{name}=" for name in search.space.domain.names]


def _folders() -> list[str]:
    """Returns the folders that searches wrote to where nobody chose one, the latest first."""
    journals = Path("nas_nb_runs").glob("*/journal.jsonl")
    return sorted((journal.parent.as_posix() for journal in journals), reverse=True)


def _strategies() -> list[str]:
    from nas_nb.strategy.registry import STRATEGIES

    return list(STRATEGIES)


def _data(names: dict[str, Any]) -> list[str]:
    from nas_nb.data.dataset import Data
    from nas_nb.data.datasets import DATASET_NAMES

    return [*DATASET_NAMES, *(name for name, value in names.items() if isinstance(value, Data))]
