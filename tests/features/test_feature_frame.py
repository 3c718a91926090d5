"""Features say how a value stands to its hour, its time of day and yesterday."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from vigil.features import frame
from vigil.features.frame import FEATURES, feature_blocks, features_of
from vigil.features.grid import TrainingSeries

DAY = 288


def daily(days: int, seed: int = 0, series_id: int = 1, step_s: int = 300) -> TrainingSeries:
    """A day's wave with a little noise, from a Monday on."""
    a_day = 86_400 // step_s
    steps = np.arange(days * a_day)
    noise = np.random.default_rng(seed).normal(0, 1, len(steps))
    values = 100 + 20 * np.sin(2 * np.pi * steps / a_day) + noise
    index = pd.date_range("2026-03-02", periods=len(steps), freq=f"{step_s}s")
    return TrainingSeries(series_id, "latency_ms_p95", step_s, pd.Series(values, index=index))


def test_a_value_is_compared_with_the_usual_and_with_yesterday():
    """Residual is what the time of day does not explain."""
    series = daily(4)
    series.history.iloc[-1] *= 2
    last = features_of([series]).row(-1, named=True)
    assert last["ratio_yesterday"] == pytest.approx(2.0, rel=0.1)
    assert last["residual"] == pytest.approx(last["value"] - last["seasonal"])
    assert last["residual"] > 80
    assert last["lag_1"] == series.history.iloc[-2]
    assert (last["hour"], last["weekday"]) == (23, 3)
    assert last["time"] == datetime(2026, 3, 5, 23, 55, tzinfo=UTC)


def test_level_and_spread_are_those_of_an_hour():
    """As pandas' rolling medians have them, the beginning included."""
    series = daily(2)
    level = series.history.rolling(12, min_periods=1).median()
    spread = (series.history - level).abs().rolling(12, min_periods=1).median()
    found = features_of([series])
    np.testing.assert_array_equal(found["level"], level)
    np.testing.assert_array_equal(found["spread"], spread)


def test_no_series_sees_another():
    """Together they have the features that each has alone, with steps of any length."""
    series = [daily(3, 1, 1), daily(3, 2, 2, step_s=3600), daily(2, 3, 3)]
    together = features_of(series).sort("series_id", "time")
    alone = [features_of([item]) for item in series]
    assert together.equals(pl.concat(alone))
    assert dict(together.schema) == dict(features_of([]).schema) == FEATURES


def test_blocks_are_the_same_in_less_memory(monkeypatch):
    """Cut between series."""
    monkeypatch.setattr(frame, "SERIES_AT_ONCE", 2)
    series = [daily(2, number, number) for number in range(5)]
    blocks = list(feature_blocks(series))
    assert [block["series_id"].n_unique() for block in blocks] == [2, 2, 1]
    assert pl.concat(blocks).equals(features_of(series))
