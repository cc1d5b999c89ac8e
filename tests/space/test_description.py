from __future__ import annotations

from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.space.search_space import describe_domain
from tests.space.domains import TREE, fixed


def test_description_tells_size_ranges_and_conditions() -> None:
    assert describe_domain(TREE).splitlines() == [
        "12 architectures, 5 parameters",
        "",
        "model   mlp, cnn",
        "layers  1, 2       if model is mlp",
        "units   8, 16, 32  if model is mlp; 4, 8  if model is cnn",
        "pool    max, none  if model is cnn",
        "size    2 to 3     if model is cnn and pool is max",
    ]


def test_one_and_infinitely_many_are_words() -> None:
    rate = Parameter("rate", ParameterKind.FLOAT, low=0, high=1)
    assert describe_domain(Domain((rate,))).startswith(
        "infinitely many architectures, 1 parameter\n"
    )
    assert describe_domain(Domain((fixed("a", 1),))).startswith("1 architecture, 1 parameter\n")
