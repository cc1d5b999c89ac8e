"""How a table of a teaching space is written: what `nas_nb.course.table.unpack` reads."""

from __future__ import annotations

import json
import lzma
from typing import Any

import numpy as np

from nas_nb.course.table import FORMAT, NUMBER_BYTES, POINT_COLUMNS, RUN_COLUMNS
from nas_nb.space.domain import Domain


def pack(name: str, domain: Domain, runs: list[dict[str, Any]], costs: Any, about: Any) -> bytes:
    """Returns a table as a file.

    Args:
        name: Of the benchmark.
        domain: The space. Points are numbered in the order of `enumerate`.
        runs: One for each training: "point", "seed", "right" (validation samples classified
            correctly after each epoch), "loss" (likewise, in steps of `LOSS_STEP`), "train_right",
            "test_right" (-1 where it was not measured) and "milliseconds".
        costs: For each point a dict with "params" and "macs".
        about: "epochs", and the "rows" of the parts "train", "val" and "test"; how it was made.
    """
    runs = sorted(runs, key=lambda run: (run["seed"], run["point"]))
    columns = [[run[name] for run in runs] for name in RUN_COLUMNS]
    columns += [[cost[name] for cost in costs] for name in POINT_COLUMNS]
    head = {"format": FORMAT, "name": name, "domain": domain.to_json(), "about": about}
    body = b"".join(_packed(np.array(column, "<i4")) for column in columns)
    counts = {"runs": len(runs), "points": len(costs)}
    text = json.dumps({**head, **counts}, separators=(",", ":"))
    return lzma.compress(text.encode() + b"\n" + body, preset=9 | lzma.PRESET_EXTREME)


def _packed(column: np.ndarray) -> bytes:
    # Differences from epoch to epoch, and the bytes of equal weight together, compress best.
    grown = np.diff(column, axis=-1, prepend=0) if column.ndim == 2 else column
    flat = np.ascontiguousarray(grown.T, "<i4").reshape(-1)
    return flat.view(np.uint8).reshape(-1, NUMBER_BYTES).T.tobytes()
