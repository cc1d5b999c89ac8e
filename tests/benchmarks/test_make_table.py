from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.make_table import RECIPES, Table
from nas_nb.course.benchmark import TABLES
from nas_nb.course.table import read_columns


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_table_is_what_its_recipe_asks_for_and_packs_to_itself(name: str, tmp_path: Path):
    table = Table(name, tmp_path)
    assert set(table.todo()) == table.runs.keys()
    shipped = (TABLES / f"{name}.table").read_bytes()
    (_, again), (_, columns) = read_columns(table.packed()), read_columns(shipped)
    assert all(np.array_equal(again[column], columns[column]) for column in columns)
