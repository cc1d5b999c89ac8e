from __future__ import annotations

import pytest

from nas_nb.errors import SpaceError
from nas_nb.spaces.nasbench201_net import (
    from_string,
    live_edges,
    nodes_of,
    to_string,
    unique_string,
)
from nas_nb.spaces.skeleton import edges

# A published string, from the paper's own example of the format.
TEXT = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|"
CELL = ("nor_conv_3x3", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "nor_conv_3x3", "none")


def test_published_string_is_read_and_written() -> None:
    assert from_string(TEXT) == CELL
    assert to_string(CELL) == TEXT


def test_edges_stand_in_the_order_of_the_string() -> None:
    assert edges(4) == ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    assert [nodes_of(len(edges(n))) for n in range(2, 7)] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|skip_connect~1|", "for node 1"),
        ("|skip_connect~0|+|none~0|", "for node 2"),
        ("nonsense", "Expected a cell like"),
        ("|skip_conect~0|", "Did you mean 'skip_connect'"),
    ],
)
def test_other_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        from_string(text)


def test_skips_and_zeros_make_cells_isomorphic() -> None:
    # Two nodes: node 1 is a copy of the input, or there is no node 1.
    assert unique_string(("skip_connect", "none", "nor_conv_1x1")) == unique_string(
        ("none", "nor_conv_1x1", "none")
    )
    # What leads nowhere doesn't matter.
    assert unique_string(("avg_pool_3x3", "skip_connect", "none")) == unique_string(
        ("none", "skip_connect", "none")
    )


def test_cells_that_compute_other_things_are_told_apart() -> None:
    assert unique_string(("nor_conv_1x1", "none", "nor_conv_3x3")) != unique_string(
        ("nor_conv_3x3", "none", "nor_conv_1x1")
    )


def test_live_edges_lead_from_the_input_to_the_output() -> None:
    assert live_edges(CELL) == {
        (0, 1): "nor_conv_3x3",
        (0, 3): "skip_connect",
        (1, 3): "nor_conv_3x3",
    }
    assert live_edges(("none", "none", "nor_conv_3x3")) == {}
