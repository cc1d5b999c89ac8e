"""The path encoding of cells: which ways lead from the input to the output.

Paper: White, Neiswanger & Savani, BANANAS, AAAI 2021, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

Row = np.ndarray[tuple[int], np.dtype[np.float64]]


def path_row(
    paths: Iterable[Sequence[str]], operations: Sequence[str], shortest: int, longest: int
) -> Row:
    """Returns a row with a column for every possible path, 1 where the cell has it.

    Args:
        paths: The operations on each way from input to output.
        operations: All that may stand on a way.
        shortest: The fewest operations of a way.
        longest: The most.

    Returns:
        Shape ``(sum of len(operations) ** n for n from shortest to longest,)``: short paths
        first, and those of one length in the order of `operations`, the first step counting most.
    """
    base = len(operations)
    row = np.zeros(sum(base**length for length in range(shortest, longest + 1)))
    for path in paths:
        place = 0
        for operation in path:
            place = place * base + operations.index(operation)
        row[sum(base**length for length in range(shortest, len(path))) + place] = 1.0
    return row
