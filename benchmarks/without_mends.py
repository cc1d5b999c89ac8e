"""Does each test of docs/robustness.md fail without the code that keeps its promise?

    python -m benchmarks.without_mends               # all rows, some minutes
    python -m benchmarks.without_mends --rows disk   # those whose test has this word

For each row a copy of the code is changed in one place, and the row's test runs on the copy. Ends
with status 1 if a test passes there, or if the place was not found.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LONGEST_S = 300
"""Seconds that a test may take; one that waits for what never comes has failed, too."""


class Mend(NamedTuple):
    """A row's test, and the change that takes its mend away.

    Attributes:
        test: The test as pytest names it, below `tests/`.
        file: The file, below `nas_nb/`.
        code: A text that stands in it.
        instead: What takes the place of each.
    """

    test: str
    file: str
    code: str
    instead: str


_NEVER = "except ZeroDivisionError"
_DAMAGED = "  # noqa: BLE001 - what a damaged file raises has no common class"
_FAULTS = "search/robustness/test_faults.py::test_"
_STORE, _JOURNAL, _TUNER = "workers/checkpoints.py", "record/journal.py", "search/tuner.py"

MENDS = (
    Mend(
        "search/robustness/test_continuation.py::"
        "test_a_kernel_killed_within_a_trial_costs_no_more_than_the_last_epochs",
        _STORE,
        "own = self.epochs_of(trial.number)",
        "own = 0",
    ),
    Mend(
        "search/robustness/test_kills.py::"
        "test_a_search_that_is_killed_at_a_call_goes_on_as_if_it_had_not_been",
        _JOURNAL,
        "os.truncate(journal._file, journal._end)",
        "pass",
    ),
    Mend(
        "search/robustness/test_kills.py::test_a_call_that_fails_is_a_sentence_or_a_word_in_the_row",
        "workers/trial_evaluation.py",
        "except Exception as error:  # noqa: BLE001 - a layer",
        f"{_NEVER} as error:  # a layer",
    ),
    Mend(
        "search/robustness/test_attaching.py::test_a_cell_that_is_run_again_is_the_search_that_runs",
        "search/session.py",
        "return running if running is not None and running.project.folder == folder else None",
        "return None",
    ),
    Mend(
        "search/test_search.py::test_a_model_that_cannot_be_built_is_a_row_with_its_reason",
        "workers/trial_evaluation.py",
        "except BaseException as error:  # noqa: BLE001 - what it raises",
        f"{_NEVER} as error:  # what it raises",
    ),
    Mend(
        "search/test_life.py::test_ten_failures_for_the_same_reason_pause_the_search_and_say_why",
        _TUNER,
        "FAILURES_BEFORE_PAUSE = 10",
        "FAILURES_BEFORE_PAUSE = 10**9",
    ),
    Mend(
        f"{_FAULTS}out_of_memory_is_tried_once_more_with_half_the_batch",
        "workers/trial_evaluation.py",
        "if batch_size == 1 or not is_out_of_memory(error):",
        "if True:",
    ),
    Mend(
        f"{_FAULTS}a_trial_over_its_time_is_a_row_with_its_reason",
        _TUNER,
        "limit_s = self.settings.budget.max_time_per_trial_s",
        "limit_s = None",
    ),
    Mend(
        f"{_FAULTS}too_much_memory_pauses_the_search_with_advice",
        _TUNER,
        "if warning is not None:",
        "if False:",
    ),
    Mend(
        f"{_FAULTS}a_full_disk_pauses_the_search_and_room_lets_it_go_on",
        "search/run.py",
        "self.journal.on_blocked = self._on_blocked",
        "pass",
    ),
    Mend(
        f"{_FAULTS}a_disk_without_room_for_weights_costs_no_trial",
        "workers/trial_evaluation.py",
        "except Exception as error:  # noqa: BLE001 - a layer",
        f"{_NEVER} as error:  # a layer",
    ),
    Mend(
        "search/robustness/test_resume.py::"
        "test_a_folder_that_cannot_be_written_is_told_at_the_start_and_holds_nothing_up",
        _JOURNAL,
        "return JournalWriteError(",
        "return SystemError(",
    ),
    Mend(
        f"{_FAULTS}a_deleted_folder_pauses_the_search_and_comes_back_whole",
        _JOURNAL,
        "self._restore(self.path)",
        "pass",
    ),
    Mend(
        "record/test_journal.py::"
        "test_a_journal_that_was_changed_by_others_is_noticed_and_comes_back_whole",
        _JOURNAL,
        "if what or opened.st_size != self._end:",
        "if False:",
    ),
    Mend(
        "record/test_journal.py::test_what_is_no_journal_is_refused_and_never_changed",
        _JOURNAL,
        "if is_torn(line, first=number == 1) and",
        "if",
    ),
    Mend(
        "search/test_folder.py::test_files_of_the_users_own_are_never_touched",
        "search/folder.py",
        "if foreign:",
        "if False:",
    ),
    Mend(
        f"{_FAULTS}weights_and_states_that_cannot_be_written_cost_no_trial",
        "workers/trial_evaluation.py",
        "except Exception as error:  # noqa: BLE001 - whatever it is",
        f"{_NEVER} as error:  # whatever it is",
    ),
    Mend(
        "workers/test_checkpoints.py::test_what_can_not_be_removed_is_told_once",
        _STORE,
        "except OSError as error:\n            self._stuck",
        f"{_NEVER} as error:\n            self._stuck",
    ),
    Mend(
        f"{_FAULTS}what_can_not_be_removed_after_the_last_trial_is_told_at_the_end",
        "search/run.py",
        "left = files.trouble()",
        "pass",
    ),
    Mend(
        f"{_FAULTS}a_missing_checkpoint_is_told_when_the_model_is_asked_for",
        _STORE,
        'raise SearchError(\n            f"The weights of trial',
        'raise KeyError(\n            f"The weights of trial',
    ),
    Mend(
        "workers/test_checkpoints.py::test_a_damaged_checkpoint_is_one_sentence",
        _STORE,
        "except Exception as error:  # what a damaged file raises",
        f"{_NEVER} as error:  # what a damaged file raises",
    ),
    Mend(
        "search/robustness/test_continuation.py::"
        "test_a_state_that_is_gone_or_damaged_costs_time_and_nothing_else",
        _STORE,
        f"except Exception:{_DAMAGED}",
        f"{_NEVER}:",
    ),
    Mend(
        "search/robustness/test_resume.py::test_a_folder_that_another_kernel_writes_is_not_started_in",
        _JOURNAL,
        "except Timeout as error:",
        f"{_NEVER} as error:",
    ),
    Mend(
        "search/robustness/test_identity.py::test_a_search_is_opened_again_with_the_same_code_and_rows_alone",
        "search/folder.py",
        "if found:",
        "if False:",
    ),
    Mend(
        "search/robustness/test_identity.py::test_other_versions_are_told_and_not_refused",
        "search/search.py",
        'tell(f"The search in {folder} was opened again. {note}")',
        "pass",
    ),
    Mend(
        "search/test_race.py::test_an_edited_strategy_or_table_runs_anew_and_says_so",
        "search/race.py",
        'tell(f"The race in {self.directory} runs anew what was changed since: {said}.")',
        "pass",
    ),
    Mend(
        f"{_FAULTS}a_torn_last_line_costs_that_line_alone",
        _JOURNAL,
        "if is_torn(line, first=number == 1) and",
        "if False and",
    ),
    Mend(
        f"{_FAULTS}a_newer_journal_is_not_touched",
        "record/events.py",
        "written by a newer nas_nb. Nothing was changed",
        "unknown",
    ),
    Mend(
        "search/robustness/test_hand_edited.py::test_whatever_field_is_damaged_is_told_in_a_sentence",
        "record/events.py",
        "raise JournalError(",
        "raise KeyError(",
    ),
    Mend(
        "search/test_life.py::"
        "test_a_strategy_that_raises_ends_the_search_and_the_error_reaches_the_user",
        "search/run.py",
        "self.error = error if isinstance(error, Exception) else",
        "self.error = None if isinstance(error, Exception) else",
    ),
    Mend(
        "search/robustness/test_waiting.py::"
        "test_an_interrupt_while_waiting_stops_the_search_and_waits_for_its_end",
        "search/session.py",
        "except KeyboardInterrupt:",
        f"{_NEVER}:",
    ),
    Mend(
        "search/robustness/test_attaching.py::"
        "test_unloading_the_extension_stops_the_search_and_leaves_no_thread",
        "search/session.py",
        "running.stop()\n",
        "pass\n",
    ),
)
"""One for each row but that of the saved notebook, whose test needs a browser."""


def without(mend: Mend, folder: Path) -> str:
    """Runs a mend's test on a copy without it, and returns in a word how that ended."""
    for name in ("nas_nb", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    file = folder / "nas_nb" / mend.file
    text = file.read_text(encoding="utf-8")
    if mend.code not in text:
        return "NOT FOUND"
    file.write_text(text.replace(mend.code, mend.instead), encoding="utf-8")
    child = os.fork()
    if child == 0:
        _run(folder, mend.test)
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return {0: "PASSES", 1: "fails", 2: "is cut off"}.get(code, f"BREAKS OFF ({code})")
        time.sleep(0.2)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "does not end"


def _run(folder: Path, test: str) -> None:
    """Runs one test on the copy in this child of the process, and ends it."""
    import pytest

    os.setpgid(0, 0)
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)
    sys.path[:] = [str(folder), *(path for path in sys.path if Path(path).resolve() != ROOT)]
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 70
    try:
        code = int(pytest.main([f"tests/{test}", "-x", "-q", "-p", "no:cacheprovider"]))
    finally:
        os._exit(code)


def main() -> int:
    """Prints a line a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="", help="a word of the names of the tests to run")
    wanted = [mend for mend in MENDS if parser.parse_args().rows in mend.test]
    # Imported once, and forked before TensorFlow has threads of its own; nas_nb is not among them.
    import keras_tuner as kt  # noqa: F401
    import pandas as pd  # noqa: F401
    import tensorflow as tf  # noqa: F401

    assert not any(name.split(".")[0] == "nas_nb" for name in sys.modules)
    wrong = 0
    for mend in wanted:
        with tempfile.TemporaryDirectory() as name:
            ended = without(mend, Path(name))
        wrong += ended not in ("fails", "is cut off", "does not end")
        print(f"{ended:12} {mend.test}", flush=True)
    print(f"{len(wanted)} mends taken away: {wrong} not noticed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
