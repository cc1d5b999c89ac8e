from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nas_nb.data.dataset import Data
from nas_nb.data.readers import sliding_windows, split_in_time
from nas_nb.data.task import Task
from nas_nb.errors import DataError, NasWarning


def test_a_window_is_followed_by_its_horizon() -> None:
    series = np.arange(10.0)[:, np.newaxis]
    x, y = sliding_windows(series, 3, 2, None)
    assert x.shape == (6, 3, 1)
    assert x[1, :, 0].tolist() == [1, 2, 3]
    assert y[1].tolist() == [4, 5]


def test_several_channels_are_predicted_step_by_step() -> None:
    series = np.stack([np.arange(8.0), np.arange(8.0) + 100], axis=1)
    assert sliding_windows(series, 3, 2, None)[1][0].tolist() == [3, 103, 4, 104]
    assert sliding_windows(series, 3, 2, 1)[1][0].tolist() == [103, 104]


@pytest.mark.parametrize("horizon", [1, 4])
def test_no_value_is_predicted_in_two_parts_and_time_goes_on(horizon: int) -> None:
    data = Data.from_series(np.arange(100.0), window=5, horizon=horizon)
    parts = [set(data.part(part)[1].ravel().tolist()) for part in ("train", "val", "test")]
    assert max(parts[0]) < min(parts[1])
    assert max(parts[1]) < min(parts[2])
    assert max(parts[2]) == 99


def test_forecasting_is_the_task_and_its_outputs_are_the_horizon() -> None:
    frame = pd.DataFrame({"rain": np.arange(50.0), "wind": np.arange(50.0) * 2})
    data = Data.from_series(frame, window=6, horizon=3, target="wind")
    assert data.task == Task.FORECASTING
    assert (data.spec.input_shape, data.spec.outputs) == ((6, 2), 3)
    assert data.spec.statistics is not None
    assert len(data.spec.statistics.target_mean) == 3
    assert Data.from_series(frame, window=6).spec.outputs == 2


@pytest.mark.parametrize(
    ("series", "options", "message"),
    [
        (np.arange(10.0), {"window": 10}, "more than 11 steps .* Received: 10 steps"),
        (np.arange(10.0), {"window": 0}, "`window` to be a whole number, 1 or more"),
        (np.arange(12.0), {"window": 4, "horizon": 4}, "long enough for three parts"),
        (np.zeros((9, 2, 2)), {}, "one series|shape .9, 2, 2."),
        (["a"] * 30, {}, "series of numbers"),
        (np.arange(30.0), {"window": 3, "target": "x"}, "one of the channels 0. Received: 'x'"),
        (np.full(30, np.nan), {"window": 3}, "finite numbers"),
    ],
)
def test_series_that_cannot_be_used_are_refused(series, options, message) -> None:
    with pytest.raises(DataError, match=message):
        Data.from_series(series, **options)


def test_shares_that_leave_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="shares between 0 and 1"):
        split_in_time(20, 0.0, 0.2, 1)


DAYS = pd.date_range("2020", periods=60)


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (DAYS[::-1], r"2020-02-28 00:00:00 in row 1, after 2020-02-29"),
        (DAYS.tz_localize("UTC").delete(5).insert(40, DAYS[5].tz_localize("UTC")), "in row 40"),
        (DAYS.to_period("D")[::-1], "2020-02-28 in row 1"),
        (DAYS.strftime("%Y-%m-%d")[::-1], "2020-02-28 in row 1"),
        (DAYS.date[::-1], "2020-02-28 in row 1"),
        (pd.to_timedelta([30, *range(59)], unit="D"), "0 days 00:00:00 in row 1, after 30 days"),
        ([*range(30), *range(30)], "0 in row 30, after 29"),
        (np.r_[0.5, 0.25, np.arange(1.0, 59)], "0.25 in row 1, after 0.5"),
        (DAYS.where(DAYS[7] != DAYS), "NaT in row 7"),
        (pd.MultiIndex.from_product([["a", "b"], DAYS[:30]]), "2020-01-01 00:00:00 in row 30"),
    ],
)
@pytest.mark.parametrize("kind", [pd.Series, pd.DataFrame])
def test_rows_that_are_not_in_the_order_of_time_are_refused(index, told, kind) -> None:
    with pytest.raises(DataError, match=rf"index increases.*Received: .*{told}.*sort_index"):
        Data.from_series(kind(np.arange(60.0), index=index), window=3)


def test_times_that_come_again_are_told() -> None:
    series = pd.Series(np.arange(60.0), index=DAYS.repeat(2)[:60])
    with pytest.warns(NasWarning, match=r"again in 30 rows, first in row 1: 2020-01-01"):
        Data.from_series(series, window=3)


@pytest.mark.parametrize(
    "index", [DAYS, DAYS.to_period("D"), range(60), ["May", "June", "July"] * 20, [1, "a"] * 30]
)
def test_an_index_in_order_and_one_without_an_order_are_taken_as_they_are(index) -> None:
    series = pd.Series(np.arange(60.0), index=index)
    assert Data.from_series(series, window=3).x_train[0].ravel().tolist() == [0, 1, 2]
