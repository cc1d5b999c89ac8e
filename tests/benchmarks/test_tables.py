from collections.abc import Mapping

import numpy as np
import pytest

from benchmarks.tables import TableDomain, cell_features, live_edges
from nas_nb.errors import SpaceError
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind

PARAMETERS = (
    Parameter("a", ParameterKind.CHOICE, ("0", "1", "2")),
    Parameter("b", ParameterKind.CHOICE, ("0", "1", "2")),
)


def table() -> TableDomain:
    """Of the nine points, (2, 2) isn't listed, and (1, 0) is a twin of (0, 1)."""
    keys = [tuple(point.values()) for point in Domain(PARAMETERS).enumerate()]
    twins: Mapping = {key: key for key in keys if key != ("2", "2")} | {("1", "0"): ("0", "1")}
    return TableDomain(PARAMETERS, twins=twins)


def test_a_twin_is_returned_as_its_representative_everywhere() -> None:
    domain, rng = table(), np.random.default_rng(0)
    assert domain.canonical({"a": "1", "b": "0"}) == {"a": "0", "b": "1"}
    points = [domain.sample(rng) for _ in range(100)]
    points += [domain.mutate(point, rng) for point in points]
    points += [near for point in points[:20] for near in domain.neighbours(point)]
    points += [
        *domain.enumerate(),
        domain.complete({"a": "1"}),
        domain.complete({"a": "1", "b": "0"}),
    ]
    assert not any(point == {"a": "1", "b": "0"} for point in points)


def test_what_is_not_listed_is_no_point() -> None:
    domain, rng = table(), np.random.default_rng(0)
    with pytest.raises(SpaceError, match="lists"):
        domain.canonical({"a": "2", "b": "2"})
    with pytest.raises(SpaceError, match="lists"):
        domain.complete({"a": "2", "b": "2"})
    assert domain.size == len(list(domain.enumerate())) == 7
    assert all(domain.sample(rng) != {"a": "2", "b": "2"} for _ in range(50))


def test_a_mutant_is_never_its_parent_or_a_twin_of_it() -> None:
    domain, rng = table(), np.random.default_rng(0)
    parent = {"a": "0", "b": "1"}
    assert all(domain.mutate(parent, rng) != parent for _ in range(50))


def test_edges_that_lead_nowhere_are_none() -> None:
    # 0-1 leads to 1, from where nothing goes on; 2-3 comes from 2, which nothing reaches.
    assert live_edges(tuple("300203")) == tuple("000200")


def test_a_cell_is_told_by_its_paths_and_convolutions_in_a_row() -> None:
    facts = cell_features(tuple("303003"))  # 0-1-2-3
    assert facts["paths"] == 1
    assert facts["depth"] == 3
    assert facts["count_3"] == 3
    assert cell_features(tuple("000000"))["paths"] == 0
