"""Every row of the README's table of faults has a test that causes the fault."""

from __future__ import annotations

import re
from pathlib import Path

CAUSED_BY = {
    "the kernel dies, or is killed": "test_continuation.py::test_a_kernel_killed_within_a_trial",
    "the notebook is opened when": "../browser/test_saved.py::test_saved_while_it_runs",
    "the cell of a running search runs again": "test_attaching.py::test_a_cell_that_is_run_again",
    "a candidate can't be built": "test_search.py::test_a_model_that_cannot_be_built",
    "ten trials in a row fail": "test_life.py::test_ten_failures_for_the_same_reason",
    "a trial runs out of memory": "test_faults.py::test_out_of_memory",
    "a trial takes longer than `max_time_per_trial`": "test_faults.py::test_a_trial_over_its_time",
    "the kernel uses more memory": "test_faults.py::test_too_much_memory",
    "the disk is full": "test_faults.py::test_a_full_disk",
    "the folder can't be written": "test_resume.py::test_a_folder_that_cannot_be_written",
    "the folder is deleted": "test_faults.py::test_a_deleted_folder",
    "weights or states can't be written": "test_faults.py::test_weights_and_states",
    "a checkpoint is missing": "test_faults.py::test_a_missing_checkpoint",
    "a kept state is missing or damaged": "test_continuation.py::test_a_state_that_is_gone",
    "another kernel writes": "test_resume.py::test_a_folder_that_another_kernel",
    "the journal's last line is torn": "test_faults.py::test_a_torn_last_line",
    "a newer nas_nb wrote": "test_faults.py::test_a_newer_journal",
    "a strategy raises": "test_life.py::test_a_strategy_that_raises",
    "the kernel is interrupted": "test_waiting.py::test_an_interrupt_while_waiting",
    "`%unload_ext nas_nb`": "test_attaching.py::test_unloading_the_extension",
}


def test_every_fault_in_the_readme_is_caused_by_a_test(root: Path) -> None:
    text = (root / "README.md").read_text().split("## What can go wrong")[1].split("\n## ")[0]
    lines = re.findall(r"^\| .*", text, re.MULTILINE)[1:]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in lines]
    assert len(rows) == len(CAUSED_BY)
    for row, (fault, where) in zip(rows, CAUSED_BY.items(), strict=True):
        assert row.startswith(fault)
        file, _, name = where.partition("::")
        assert f"def {name}" in (Path(__file__).parent / file).read_text()
