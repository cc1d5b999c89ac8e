from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

import nas_nb as nas
from nas_nb.errors import NasError, NasWarning
from nas_nb.record.journal import JOURNAL_FILE
from nas_nb.search.folder import folder_name

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)


def build_with(width: int = 4, loss: Any = "binary_crossentropy") -> Callable[..., keras.Model]:
    def build(hp: kt.HyperParameters) -> keras.Model:
        model = keras.Sequential(
            [
                keras.layers.Input((3,)),
                keras.layers.Dense(hp.Choice("units", [2, 3])),
                keras.layers.Dense(width),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile("adam", loss, metrics=["accuracy"])
        return model

    return build


def search(folder: Path, space: Any = None, **given: Any) -> nas.Search:
    given = {"data": nas.Data.from_arrays(X, Y), "strategy": "random", "max_trials": 1, **given}
    return nas.Search(space or build_with(), epochs=1, directory=folder, **given)


def test_a_search_is_opened_again_with_the_same_code_and_rows_alone(tmp_path: Path) -> None:
    search(tmp_path).run()
    assert len(search(tmp_path, max_trials=2).run().history.completed) == 2
    with pytest.raises(NasError, match=r"build.width = 4, now 5\. Its 2 trials"):
        search(tmp_path, build_with(5))
    with pytest.raises(NasError, match="loss"):
        search(tmp_path, build_with(loss="mse"))
    with pytest.raises(NasError, match="training rows: 24, now 12"):
        search(tmp_path, data=nas.Data.from_arrays(X[:20], Y[:20]))
    with pytest.raises(NasError, match="loss None, now mse"):
        search(tmp_path, data=nas.Data.from_arrays(X, Y, loss="mse"))


def strategy(number: int) -> Callable[..., dict[str, int]]:
    def mine(history: Any, rng: Any) -> dict[str, int]:
        return {"units": int(rng.choice([2, 3])) + 0 * number}

    return mine


def test_a_strategy_that_was_edited_needs_another_name(tmp_path: Path) -> None:
    search(tmp_path, strategy=strategy(1)).run()
    search(tmp_path, strategy=strategy(1))
    with pytest.raises(NasError, match=r"mine.number = 1, now 2"):
        search(tmp_path, strategy=strategy(2))
    changed = search(tmp_path, strategy="random", max_trials=2)
    with pytest.raises(NasError, match=r"mine.number = 1, now 2"):
        changed.steer.strategy(strategy(2))
    other = strategy(2)
    other.__name__ = "mine_too"
    changed.steer.strategy(other)
    assert changed.strategy.name == "mine_too"


def without_identity(folder: Path, **changes: str) -> None:
    path = folder / JOURNAL_FILE
    lines = path.read_text().splitlines(keepends=True)
    opening = json.loads(lines[0])
    if changes:
        opening["versions"] |= changes
    else:
        del opening["identity"]
    path.write_text(json.dumps(opening) + "\n" + "".join(lines[1:]))


def test_an_older_journal_is_opened_with_a_word(tmp_path: Path) -> None:
    search(tmp_path).run()
    without_identity(tmp_path)
    with pytest.warns(NasWarning, match="holds no fingerprint"):
        search(tmp_path)


def test_other_versions_are_told_and_not_refused(tmp_path: Path) -> None:
    search(tmp_path).run()
    without_identity(tmp_path, keras="2.0")
    with pytest.warns(NasWarning, match=r"keras 2\.0, now"):
        search(tmp_path)
    without_identity(tmp_path, python="3.10")
    with pytest.warns(NasWarning, match="can't be told"):
        search(tmp_path, build_with(5))


SPACE = {"layers": ["Dense"], "units": [4, 8], "activations": ["relu"]}


def test_a_search_opened_by_its_folder_has_the_rows_it_had(tmp_path: Path) -> None:
    given = {"strategy": "random", "epochs": 1, "directory": tmp_path / "known"}
    nas.Search(SPACE, nas.load("iris", limit=60, scaled=False), max_trials=1, **given).run()
    again = nas.open(tmp_path / "known")
    assert again.data.fingerprint == nas.load("iris", limit=60, scaled=False).fingerprint
    given["directory"] = tmp_path / "own"
    own = nas.Data.from_arrays(X, Y, name="iris", validation=0.3)
    nas.Search(SPACE, own, max_trials=1, **given).run()
    with pytest.raises(NasError, match=r"data=nas.Data.from_arrays\(..., validation=0.3, "):
        nas.open(tmp_path / "own")
    assert nas.open(tmp_path / "own", data=own).history.completed


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("été n°3", "été n°3"),
        ("resnet/v1", "resnet-v1"),
        ("../outside", "outside"),
        ('quote"d: a|b?', "quote-d- a-b"),
        ("con", "_con"),
        ("COM1.txt", "_COM1.txt"),
        ("dots... ", "dots"),
        ("...", "search"),
        ("", "search"),
        ("a\nb\tc\0", "a-b-c"),
        ("n" * 300, "n" * 80),
        ("é" * 300, "é" * 40),
    ],
)
def test_a_name_makes_one_folder_that_any_file_system_takes(name: str, folder: str) -> None:
    assert folder_name(name) == folder


def test_names_that_differ_in_what_a_folder_can_not_have_stay_apart() -> None:
    assert len({folder_name(name, unique=True) for name in ("a/b", "a:b", "a-b")}) == 3


def test_a_variable_that_the_code_reads_may_change_while_the_search_lives(tmp_path: Path) -> None:
    made: dict[str, Any] = {"search": None}
    source = """
def build(hp):
    tried = search  # of the notebook: the search itself, once it is made
    return plain(hp)
"""
    made["plain"] = build_with()
    exec(source, made)

    def cell(**given: Any) -> nas.Search:
        made["search"] = None
        made["search"] = search(tmp_path, made["build"], **given)
        return made["search"]

    cell().run()
    made["search"].steer.budget(max_trials=3)
    made["search"].steer.strategy("evolution")
    made["search"].configure(max_trials=2)
    assert len(made["search"].run().history.completed) == 2
    assert len(cell(max_trials=2).history.completed) == 2


@pytest.mark.parametrize("name", [5, Path("a"), b"a"])
def test_a_name_that_is_no_text_is_refused(name: Any, tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"Expected a name as text\. Received: name="):
        search(tmp_path, name=name)
