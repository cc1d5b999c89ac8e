from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest

from benchmarks.packed_table import pack
from nas_nb.course.table import LOSS_STEP, read_columns, read_published, unpack
from nas_nb.errors import DataError
from tests.course.synthetic import EPOCHS, ROWS, SPACE, packed, right

CELLS = """ops,arch,c10_val_e12,c10_val_s0,c10_val_s1,c10_val,c10_test,c10_train_s,params_m,c100_val
01,|none~0|+|skip~0|,50,60,62,61,59,120,0.1,30
11,|skip~0|+|skip~0|,51,70,,70,71,130,0.2,31
00,|none~0|+|none~0|,52,10,11,10.5,12,140,0.3,32
10,|skip~0|+|none~0|,53,20,21,20.5,22,150,0.4,33
"""


def test_a_packed_table_comes_back_as_it_was():
    kept = unpack(packed())
    assert kept.points == list(SPACE.enumerate())
    assert kept.scores.shape == (2, 84, EPOCHS)
    assert kept.epochs == (1, 2, 3, 4)
    for point in (0, 17, 83):
        for seed in (0, 1):
            told = [right(kept.points[point], seed, epoch) / ROWS["val"] for epoch in kept.epochs]
            assert kept.scores[seed, point].tolist() == pytest.approx(told)
    assert kept.losses is not None
    assert kept.losses[0, 3].tolist() == pytest.approx([1.9, 1.8, 1.7, 1.6])
    assert kept.test[0, 5] == pytest.approx(305 / ROWS["test"])
    assert kept.seconds[1, 7] == pytest.approx(0.107)
    assert kept.costs["macs"][9] == 2009
    _, columns = read_columns(packed())
    assert columns["train_right"][0].tolist() == [400, 401, 402, 403]
    assert columns["loss"][0, 0] == round(1.9 / LOSS_STEP)


def test_what_was_not_trained_is_nan():
    runs = [{"point": 1, "seed": 1, "right": [3], "loss": [1], "train_right": [1]}]
    runs[0] |= {"test_right": -1, "milliseconds": 1}
    about = {"epochs": 1, "rows": {"train": 6, "val": 6, "test": 6}}
    costs = [{"params": n, "macs": n} for n in range(84)]
    kept = unpack(pack("one", SPACE, runs, costs, about))
    assert kept.scores[1, 1, 0] == 0.5
    assert np.isnan(kept.scores).sum() == 2 * 84 - 1
    assert np.isnan(kept.test).all()


@pytest.mark.parametrize("file", [b"", b"digits", lzma.compress(b"{}\n")])
def test_what_is_no_table_is_refused(file: bytes):
    with pytest.raises(DataError, match="Expected a packed table"):
        unpack(file)


def test_a_newer_format_is_refused():
    newer = lzma.decompress(packed()).replace(b'"format":1', b'"format":2')
    with pytest.raises(DataError, match="Received: format 2"):
        unpack(lzma.compress(newer))


@pytest.mark.parametrize("name", ["cells.csv", "cells.csv.gz"])
def test_a_published_table_is_read(name: str, tmp_path: Path):
    file = tmp_path / name
    file.write_bytes(gzip.compress(CELLS.encode()) if name.endswith("gz") else CELLS.encode())
    kept = read_published(file)
    assert kept.domain.size == 4
    assert kept.points[0] == {"edge_0_1": "none", "edge_0_2": "skip"}
    assert kept.epochs == (12, 200)
    assert kept.scores[:, 0].tolist() == [[0.5, 0.6], [pytest.approx(np.nan, nan_ok=True), 0.62]]
    assert kept.test[0, 1] == pytest.approx(0.71)
    assert kept.costs["params"][3] == pytest.approx(400_000)
    assert read_published(file, "c100").scores[0, :, 0].tolist() == [0.30, 0.31, 0.32, 0.33]
    with pytest.raises(DataError, match=r"c10, c100. Received: 'c1'"):
        read_published(file, "c1")


def test_another_csv_is_refused(tmp_path: Path):
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="the columns ops and <task>_val"):
        read_published(file)
