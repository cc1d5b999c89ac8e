from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import nas_nb as nas
from nas_nb.data.preprocessing import Table, label_values
from nas_nb.errors import DataError, NasWarning
from nas_nb.export.raw_input import with_raw_input

ROWS = 40
NUMBERS = np.linspace(0, 1, ROWS)


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"a": NUMBERS, **columns, "price": NUMBERS * 3 + 0.1})


def table(**columns: Any) -> Table:
    made = nas.Data.from_frame(frame(**columns), "price").raw
    assert isinstance(made, Table)
    return made


@pytest.mark.parametrize(
    "values",
    [
        np.array(list(range(ROWS)), dtype=object),
        [Decimal(number) for number in range(ROWS)],
        pd.array(range(ROWS), dtype="Int64"),
        pd.array(NUMBERS, dtype="Float32"),
        pd.arrays.SparseArray([0.0, 2.0] * 20),
        [True, 2] * 20,
    ],
)
def test_numbers_in_columns_of_any_type_are_numbers(values: Any) -> None:
    assert table(b=values).columns[1].categories == ()


@pytest.mark.parametrize(
    ("values", "categories"),
    [
        ([True, None] * 20, {"True"}),
        (pd.array([True, False, None, True] * 10, dtype="boolean"), {"True", "False"}),
        (["x", None, float("nan"), pd.NA] * 10, {"x"}),
        (pd.array(["x", "y", pd.NA, "x"] * 10, dtype="string"), {"x", "y"}),
        (pd.Categorical([1, 2, None, 1] * 10), {"1", "2"}),
        (["1", "2"] * 20, {"1", "2"}),
        ([1, "2", "many", 1] * 10, {"1", "2", "many"}),
    ],
)
def test_gaps_among_categories_are_the_place_for_others(values: Any, categories: set[str]) -> None:
    column = table(b=values).columns[1]
    assert set(column.categories) == categories
    missing = pd.isna(pd.Series(values)).to_numpy()
    places = Table((column,)).numbers(pd.DataFrame({"b": values}))
    assert (places[:, 0] == missing).all()


TEXTS = [str(number) for number in range(ROWS - 1)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, None] * 20, r"missing ones in 'b' \(20\) of 40 rows.*missing='impute'"),
        (pd.array([1, None] * 20, dtype="Int64"), r"missing ones in 'b' \(20\)"),
        ([1.0, np.inf] * 20, "infinite ones in 'b'"),
        ([1.0, 1e300] * 20, "up to 3.4e\\+38, .* greater ones in 'b'"),
        ([[1, 2]] * ROWS, r"column 'b'.*several values in a cell \(of type list\)"),
        ([np.ones(2)] * ROWS, r"column 'b'.*of type ndarray"),
        ([{"k": 1}] * ROWS, r"column 'b'.*of type dict"),
        ([dt.date(2020, 1, 1)] * ROWS, "column 'b'.*times.*days since a date"),
        (pd.period_range("2020", periods=ROWS, freq="D"), "column 'b'.*times"),
        ([1j] * ROWS, "column 'b'.*complex"),
        ([None] * ROWS, "values in the column 'b'. Received: none"),
        ([*TEXTS, "?"], r"column 'b'.*numbers written as text, but for '\?'.*to_numeric"),
        ([*TEXTS, "7.5"], r"column 'b'.*40 numbers written as text.*astype\('category'\)"),
    ],
)
def test_a_column_that_is_neither_is_named_with_a_remedy(values: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        table(b=values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            [f"{n},5" for n in range(ROWS)],
            r"40 numbers written as text \(e.g. '0,5'\).*decimal=','",
        ),
        ([f"1.{n:03},5" for n in range(ROWS)], r"numbers written as text \(e.g. '1.000,5'\)"),
        ([f"{n} %" for n in range(ROWS)], r"numbers written as text.*str.strip\("),
        ([f"$1,{n:03}" for n in range(ROWS)], r"numbers written as text.*str.strip\("),
        ([f"2020-01-{n % 28 + 1:02} {n}:00" for n in range(ROWS)], "40 dates written.*to_datetime"),
        (
            [f"{n % 28 + 1}.{n % 12 + 1}.20{n:02}" for n in range(ROWS)],
            "dates written.*to_datetime",
        ),
    ],
)
def test_text_that_stands_for_numbers_or_dates_is_no_category(values: Any, words: str) -> None:
    with pytest.raises(DataError, match="column 'b'.*" + words):
        table(b=values)
    assert table(b=pd.Categorical(values)).columns[1].categories
    with pytest.raises(DataError, match=r"in y.*written as text.*task='multiclass'"):
        nas.Data.from_arrays(np.ones((ROWS, 2)), values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1,5", "2,0", "0,5", "1,5"] * 10, r"The column 'b' holds 3 numbers.*categories.*decimal"),
        (["1", "2", "3", "?"] * 10, r"4 numbers written as text, but for '\?'.*to_numeric"),
        ([f"house {n}" for n in range(ROWS)], "40 different texts in 40 rows"),
    ],
)
def test_text_that_may_mislead_is_told_with_the_columns_name(values: Any, words: str) -> None:
    with pytest.warns(NasWarning, match=words):
        table(b=values)


def test_columns_of_one_name_are_refused_by_it() -> None:
    twins = pd.concat([frame(), frame()[["a"]]], axis=1)
    with pytest.raises(DataError, match=r"2 called 'a'\. Rename"):
        nas.Data.from_frame(twins, "price")
    with pytest.raises(DataError, match=r"one column of a, price, price"):
        nas.Data.from_frame(pd.concat([frame(), frame()[["price"]]], axis=1), "price")
    with pytest.raises(DataError, match=r"2 called '1'"):
        nas.Data.from_arrays(pd.DataFrame({1: NUMBERS, "1": NUMBERS}), NUMBERS)


def test_missing_numbers_are_imputed_on_request_with_a_mark_beside() -> None:
    gaps = np.where(np.arange(ROWS) % 4 == 0, np.nan, 10.0)
    data = nas.Data.from_frame(frame(b=gaps), "price", missing="impute")
    assert data.spec.input_shape == (3,)
    for part in ("train", "val", "test"):
        filled, mark = data.part(part)[0][:, 1], data.part(part)[0][:, 2]
        assert (filled == 10.0).all()
        assert set(mark) <= {0.0, 1.0}
    assert data.spec.statistics is not None
    assert data.spec.statistics.mean[2] == 0  # a mark keeps its scale
    arrays = nas.Data.from_arrays(np.stack([NUMBERS, gaps], 1), NUMBERS, missing="impute")
    np.testing.assert_array_equal(arrays.x_val[:, 1:], data.x_val[:, 1:])
    with pytest.raises(DataError, match="missing='refuse' or 'impute'"):
        nas.Data.from_frame(frame(), "price", missing="drop")
    with pytest.raises(DataError, match="a table"):
        nas.Data.from_arrays(np.ones((40, 2, 2)), NUMBERS, missing="impute")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="looks up text")
def test_a_model_of_raw_columns_imputes_as_the_training_did() -> None:
    whole = frame(b=np.where(np.arange(ROWS) % 4 == 0, np.nan, 10.0), c=["x", None] * 20)
    data = nas.Data.from_frame(whole, "price", missing="impute")
    model = keras.Sequential([keras.layers.Input(data.spec.input_shape), keras.layers.Dense(2)])
    columns = whole.drop(columns="price")
    given = {
        "a": columns[["a"]].to_numpy(),
        "b": columns[["b"]].to_numpy(),
        "c": columns[["c"]].fillna("").to_numpy().astype(str),
    }
    expected = model.predict(data.raw.numbers(columns), verbose=0)
    found = with_raw_input(model, data).predict(
        {name: keras.ops.convert_to_tensor(values) for name, values in given.items()}, verbose=0
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("labels", "kinds"),
    [
        (np.array([1, 2, 1], dtype=object), "i"),
        ([Decimal("1.5"), 2.0], "f"),
        (pd.array([1, 2], dtype="Int64"), "i"),
        (pd.array([True, False], dtype="boolean"), "b"),
        ([b"cat", b"dog"], "U"),
        (["a", 1], "U"),
        (pd.Categorical(["a", "b"]), "U"),
        (pd.DataFrame({"a": pd.array([1, 2], dtype="Int64"), "b": [0.5, 1]}), "f"),
    ],
)
def test_labels_are_what_their_values_are(labels: Any, kinds: str) -> None:
    assert label_values(labels).dtype.kind == kinds


@pytest.mark.parametrize(
    "labels",
    [
        ["a", float("nan"), "b"],
        np.array(["a", np.nan, "b"]),
        pd.Series(["a", None, "b"]),
        pd.array(["a", pd.NA, "b"], dtype="string"),
        pd.array([True, None, False], dtype="boolean"),
        pd.array([1, None, 2], dtype="Int64"),
        pd.Categorical(["a", None, "b"]),
        [1.0, np.nan, 2.0],
        [1, None, 2],
        pd.DataFrame({"u": [0.5, np.nan, 1], "v": [1, 2, 3]}),
    ],
)
def test_a_missing_label_is_no_class(labels: Any) -> None:
    with pytest.raises(DataError, match="1 of 3 missing, the first in row 1"):
        label_values(labels)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ({"image": np.ones((6, 2)), "table": np.ones((6, 3))}, range(6), r"2 inputs \(image, tab"),
        ([np.ones((6, 2)), np.ones((6, 3))], list(range(6)), "Received: 2 inputs"),
        ((np.ones((6, 2)),) * 3, np.arange(6), "Received: 3 inputs"),
        (np.ones((6, 2)), {"kind": np.arange(6), "size": np.arange(6)}, r"2 outputs \(kind, size"),
        (np.ones((6, 2)), [np.arange(6), np.arange(6)], "Received: 2 outputs"),
    ],
)
def test_several_inputs_or_outputs_are_one_sentence(x: Any, y: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        nas.Data.from_arrays(x, y)


def test_how_ambiguous_whole_numbers_are_read_is_told() -> None:
    x = np.arange(90.0)[:, None]
    with pytest.warns(
        NasWarning, match=r"9 different whole numbers \(10 ... 90\), read as classes"
    ):
        data = nas.Data.from_arrays(x, np.arange(90) % 9 * 10 + 10)
    assert data.describe().endswith("multiclass, 9 classes (10 ... 90) (own arrays)")
    with pytest.warns(NasWarning, match="read as quantities.*task='multiclass'"):
        data = nas.Data.from_arrays(x, np.arange(90) % 43)
    assert "1 quantity (0 to 4" in repr(data)
    for labels in (np.arange(90) % 10, np.arange(90) % 5 + 1, np.arange(90), np.arange(90) % 2 * 7):
        nas.Data.from_arrays(x, labels)  # without a word: a warning would be an error here


X, Y = np.random.default_rng(0).normal(size=(60, 5)), np.arange(60) % 3
WRONG = {
    "validation='20%'": lambda: nas.Data.from_arrays(X, Y, validation="20%"),
    "test=None": lambda: nas.Data.from_arrays(X, Y, test=None),
    "validation=True": lambda: nas.Data.from_arrays(X, Y, validation=True),
    "seed=1.5": lambda: nas.Data.from_arrays(X, Y, seed=1.5),
    "seed=-1": lambda: nas.Data.from_arrays(X, Y, seed=-1),
    "y=5": lambda: nas.Data.from_arrays(X, 5),
    "y=None": lambda: nas.Data.from_arrays(X, None),
    "x=None": lambda: nas.Data.from_arrays(None, Y),
    "task=5": lambda: nas.Data.from_arrays(X, Y, task=5),
    "name=5": lambda: nas.Data.from_arrays(X, Y, name=5),
    "metrics=None": lambda: nas.Data.from_arrays(X, Y, metrics=None),
    "metrics=5": lambda: nas.Data.from_arrays(X, Y, metrics=[5]),
    "metrics='f1_scores'": lambda: nas.Data.from_arrays(X, Y, metrics=["f1_scores"]),
    "loss='hubert'": lambda: nas.Data.from_arrays(X, Y, loss="hubert"),
    "f1 of quantities": lambda: nas.Data.from_arrays(X, X[:, 0], metrics=["f1_score"]),
    "loss=5": lambda: nas.Data.from_arrays(X, Y, loss=5),
    "validaton=0.1": lambda: nas.Data.from_arrays(X, Y, validaton=0.1),
    "from_frame(array)": lambda: nas.Data.from_frame(X, "y"),
    "from_frame(target=5)": lambda: nas.Data.from_frame(frame(), 5),
    "from_frame(target=[])": lambda: nas.Data.from_frame(frame(), []),
    "from_frame(target=None)": lambda: nas.Data.from_frame(frame(), None),
    "window='24'": lambda: nas.Data.from_series(np.arange(200.0), window="24"),
    "window=2.5": lambda: nas.Data.from_series(np.arange(200.0), window=2.5),
    "horizon=True": lambda: nas.Data.from_series(np.arange(200.0), horizon=True),
    "from_series([])": lambda: nas.Data.from_series([]),
    "from_series('abc')": lambda: nas.Data.from_series("abc"),
    "target=1.5": lambda: nas.Data.from_series(np.ones((200, 2)), target=1.5),
    "vocabulary='5000'": lambda: nas.Data.from_texts(["a b"] * 60, Y, vocabulary="5000"),
    "length=2.5": lambda: nas.Data.from_texts(["a b"] * 60, Y, length=2.5),
    "from_texts(None)": lambda: nas.Data.from_texts(None, Y),
    "from_texts(5)": lambda: nas.Data.from_texts([5] * 60, Y),
    "from_dataset(5)": lambda: nas.Data.from_dataset(5),
    "load(5)": lambda: nas.load(5),
    "load([])": lambda: nas.load([]),
    "limit='all'": lambda: nas.load("iris", limit="all"),
    "limit=True": lambda: nas.load("iris", limit=True),
    "scaled=1": lambda: nas.load("iris", scaled=1),
    "source=None": lambda: nas.load("iris", source=None),
    "use(5)": lambda: nas.use(5),
    "use(array)": lambda: nas.use(X),
}


@pytest.mark.parametrize("call", WRONG)
def test_an_argument_of_a_wrong_type_is_one_sentence(call: str) -> None:
    with pytest.raises(DataError, match=r"^Expected .*Received"):
        WRONG[call]()


def test_a_misspelt_loss_or_metric_names_the_nearest() -> None:
    with pytest.raises(DataError, match="Did you mean 'huber'"):
        nas.Data.from_arrays(X, Y, loss="hubr")
    with pytest.raises(DataError, match="Did you mean 'F1Score'"):
        nas.Data.from_arrays(X, Y, metrics=["F1Scor"])
    assert nas.Data.from_arrays(X, Y, loss=keras.losses.Huber()).loss is not None


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (NUMBERS, "Received: a ndarray. Give its name"),
        (pd.Series(NUMBERS), "Received: a Series. Give its name"),
        ("0", r"'0' \(of type str\)\. The column's name is of another type"),
    ],
)
def test_a_target_that_is_no_name_is_told_apart_from_a_mistyped_one(target: Any, told: str):
    with pytest.raises(DataError, match=told) as error:
        nas.Data.from_frame(pd.DataFrame({0: NUMBERS, 1: NUMBERS}), target)
    assert "Did you mean" not in str(error.value)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (pd.date_range("2020", periods=ROWS), "Turn times into numbers"),
        (NUMBERS * 1j, "Take real and imaginary part"),
        ([[1], [1, 2]] * 20, "other lengths than the first. Pad them"),
    ],
)
def test_labels_of_a_kind_that_no_model_predicts_get_their_own_remedy(labels: Any, told: str):
    with pytest.raises(DataError, match=told):
        nas.Data.from_arrays(NUMBERS[:, None], labels)


def test_a_gap_in_a_series_is_told_by_its_step():
    gaps = np.where(np.isin(np.arange(100), [30, 31]), np.nan, np.arange(100.0))
    with pytest.raises(DataError, match=r"2 of 100 steps .* first at 30\. .*interpolate"):
        nas.Data.from_series(gaps)


@pytest.mark.parametrize(("value", "said"), [(np.inf, "infinite ones"), (1e300, "greater ones")])
def test_what_can_not_be_imputed_is_named_all_the_same(value: float, said: str) -> None:
    column = np.where(np.arange(ROWS) == 3, value, 1.0)
    with pytest.raises(DataError, match=f"{said} in 'b'"):
        nas.Data.from_frame(frame(b=column), "price", missing="impute")


def test_gaps_in_a_series_are_not_sent_to_what_series_have_not() -> None:
    series = pd.DataFrame({"level": np.where(np.arange(200) == 3, np.nan, 1.0)})
    with pytest.raises(DataError, match=r"missing ones in 'level' \(1\).*interpolate") as error:
        nas.Data.from_series(series)
    assert "impute" not in str(error.value)


def test_small_floats_are_judged_without_an_overflow() -> None:
    made = nas.Data.from_frame(frame(b=np.arange(ROWS, dtype="float16")), "price")
    assert made.x_train.shape[1] == 2


def test_names_of_classes_may_be_bytes() -> None:
    made = nas.Data.from_arrays(NUMBERS[:, None], np.array([b"a", b"b"])[np.arange(ROWS) % 2])
    assert made.classes == ("a", "b")


def test_shares_of_classes_are_told_to_be_read_as_quantities() -> None:
    with pytest.warns(NasWarning, match=r"shares that sum to 1, read as 2 quant.*y\.argmax"):
        nas.Data.from_arrays(NUMBERS[:, None], np.stack([NUMBERS, 1 - NUMBERS], 1))


def test_rows_in_another_order_by_their_index_are_told() -> None:
    x, y = frame(), pd.Series(np.arange(ROWS) % 2)
    with pytest.warns(NasWarning, match=r"same index in another order.*y\.loc\[x\.index\]"):
        nas.Data.from_arrays(x, y[::-1])
    for fits in (y, y.to_numpy()[::-1], y.set_axis(range(100, 100 + ROWS))):
        assert len(nas.Data.from_arrays(x, fits).classes) == 2
    shuffled = x.sample(frac=1, random_state=0)
    assert nas.Data.from_frame(shuffled.assign(up=y[shuffled.index]), "up").classes == ("0", "1")
