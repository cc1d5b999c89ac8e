from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

from nas_nb.space.code_identity import code_differences, code_identity


def code(source: str, name: str = "build", **names: Any) -> Any:
    """Returns what a cell with this source defines."""
    scope: dict[str, Any] = {"__name__": "__main__", "keras": keras, "np": np, **names}
    exec(compile(source, "<cell>", "exec"), scope)
    return scope[name]


def differences(one: Any, other: Any) -> list[str]:
    return code_differences(code_identity(one), code_identity(other), same_version=True)


PLAIN = "def build(hp):\n    return hp.Int('units', 4, 8) + 1\n"


def test_comments_docstrings_and_places_are_no_edits() -> None:
    same = "\n\n# a comment\ndef build(hp):\n    '''Says more.'''\n    # why\n    return hp.Int(\n"
    assert differences(code(PLAIN), code(same + "        'units', 4, 8) + 1\n")) == []


HELPER = (
    "def helper(x):\n    return x * {}\ndef build(hp):\n    return [helper(n) for n in (1, 2)]\n"
)
METHOD = "class build:\n    size = {}\n    def __call__(self, hp):\n        return self.size\n"
INNER = "def build(hp):\n    def inner():\n        return {}\n    return inner()\n"
GLOBAL = "sizes = {{'a': [{}, 2]}}\ndef build(hp):\n    return sizes['a']\n"
DEFAULT = "def build(hp, *, size={}):\n    return size\n"
LAMBDA = "build = lambda hp: hp + {}\n"
CLASS = "class Layer:\n    def call(self):\n        return {}\ndef build(hp):\n    return Layer()\n"


@pytest.mark.parametrize("source", [HELPER, METHOD, INNER, GLOBAL, DEFAULT, LAMBDA, CLASS])
def test_an_edit_anywhere_in_the_code_that_is_reached_counts(source: str) -> None:
    assert differences(code(source.format(3)), code(source.format(3))) == []
    assert len(differences(code(source.format(3)), code(source.format(4)))) == 1


def test_what_a_function_closes_over_is_named_with_both_values() -> None:
    def make(width: int) -> Callable[[Any], int]:
        def build(hp: Any) -> int:
            return width

        return build

    (said,) = differences(make(64), make(128))
    assert said.endswith("build.width = 64, now 128")


def test_arguments_of_a_partial_and_attributes_of_an_object_count() -> None:
    build = code("def build(hp, size):\n    return size\n")
    one, other = (functools.partial(build, size=size) for size in (3, 4))
    assert differences(one, other)

    class Sized(kt.HyperModel):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.size = size

        def build(self, hp: Any) -> int:
            return self.size

    assert any("size = 3, now 4" in each for each in differences(Sized(3), Sized(4)))
    assert differences(Sized(3), Sized(3)) == []
    assert differences(Sized(3).build, Sized(4).build)


COUNTER = """
calls, seen, marks = 0, [], {"n": 0}
def build(hp):
    global calls
    calls += 1
    seen.append(hp)
    marks["n"] += 1
    return 1
"""


def test_what_the_code_itself_changes_is_no_edit() -> None:
    build = code(COUNTER)
    before = code_identity(build)
    build(1)
    assert code_identity(build) == before


def test_recursion_and_cycles_end() -> None:
    source = (
        "def build(n):\n    return other(n)\ndef other(n):\n    return build(n - 1) if n else 0\n"
    )
    assert {"build", "other"} <= set(code_identity(code(source)))
    loop: list[Any] = []
    loop.append(loop)
    assert isinstance(code("build = lambda hp: loop\n", loop=loop), FunctionType)
    assert code_identity(code("build = lambda hp: loop\n", loop=loop))


def test_state_that_others_fill_says_nothing() -> None:
    import threading

    lock, ready = threading.Lock(), None

    def build(hp: Any) -> Any:
        return lock, ready

    before = code_identity(build)
    lock = threading.Lock()
    assert code_identity(build) == before


def test_arrays_frames_and_configured_objects_count_by_content() -> None:
    pd = pytest.importorskip("pandas")
    for one, other in (
        (np.arange(3), np.array([0, 1, 3])),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 3]})),
        (keras.losses.Huber(1.0), keras.losses.Huber(2.0)),
        ({"a": [1, (2, 3)]}, {"a": [1, (2, 4)]}),
        ({3, 1}, {1, 2}),
    ):
        first, second = (code("build = lambda hp: held\n", held=held) for held in (one, other))
        assert len(differences(first, second)) == 1
        assert differences(first, first) == []


SLOTS = "class held:\n    __slots__ = ('n',)\nheld = held()\nheld.n = {}\n"
NAMESPACE = "import types\nheld = types.SimpleNamespace(n={})\n"
PARSED = "import argparse\nheld = argparse.Namespace(n={})\n"
PROXY = "import types\nheld = types.MappingProxyType({{'n': {}}})\n"
LAYERS = "held = keras.Sequential([keras.Input((2,)), keras.layers.Dense({})])\n"
SHARED = "held = keras.layers.Bidirectional(keras.layers.LSTM({}))\n"


@pytest.mark.parametrize("source", [SLOTS, NAMESPACE, PARSED, PROXY, LAYERS, SHARED])
def test_what_an_object_holds_counts(source: str) -> None:
    reads = source + "def build(hp):\n    return held\n"
    assert differences(code(reads.format(3)), code(reads.format(3))) == []
    assert differences(code(reads.format(3)), code(reads.format(4))) != []


OWN_LOSS = "class held(keras.losses.Loss):\n    def call(self, a, b):\n        return a - b\n"
OWN_LAYER = "class held(keras.layers.Dense):\n    pass\n"


@pytest.mark.parametrize("source", [OWN_LOSS, OWN_LAYER])
def test_names_that_keras_counts_are_no_edits(source: str) -> None:
    given = "units=2" if source is OWN_LAYER else ""
    one, other = (code(source + f"build = held({given})\n") for _ in range(2))
    assert one.name != other.name
    assert differences(one, other) == []


def test_training_a_shared_layer_is_no_edit() -> None:
    build = code(SHARED.format(2) + "def build(hp):\n    return held\n")
    before = code_identity(build)
    build(None)(np.ones((1, 3, 2), "float32"))
    assert code_identity(build) == before


def test_what_the_package_makes_of_its_own_values_is_compared_within_a_version_alone() -> None:
    was, now = {"Space(stacks)": "nas_nb 2"}, {"Space(stacks)": "nas_nb 3"}
    assert code_differences(was, now, same_version=True) == ["Space(stacks) = 2, now 3"]
    assert code_differences(was, now, same_version=False) == []
