"""Training sets: series on a regular grid, and a reason for each that is left out."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from vigil.features.checks import completeness, drifted_series
from vigil.features.grid import on_grid, training_set

START = datetime(2026, 3, 2, tzinfo=UTC)
STEP = timedelta(minutes=5)
DAY = 288


def observations(
    values: np.ndarray, series_id: int = 1, metric: str = "latency_ms_p95", weight: float = 1.0
) -> pl.DataFrame:
    """A value every five minutes; NaN means that nothing was measured."""
    return pl.DataFrame(
        {
            "series_id": series_id,
            "metric": metric,
            "window_start": [START + number * STEP for number in range(len(values))],
            "value": np.asarray(values, float),
            "weight": weight,
        }
    ).with_columns(pl.col("value").fill_nan(None))


def daily(days: int, seed: int = 0) -> np.ndarray:
    """A day's wave with a little noise."""
    steps = np.arange(days * DAY)
    noise = np.random.default_rng(seed).normal(0, 1, len(steps))
    return 100 + 20 * np.sin(2 * np.pi * steps / DAY) + noise


def test_a_step_is_the_mean_of_its_windows_weighted_by_requests():
    """1 request of 10 ms and 3 of 50 ms make 40 ms; a rate is averaged over time instead."""
    rows = pl.DataFrame(
        {
            "metric": ["latency_ms_p95"] * 2,
            "window_start": [START, START + timedelta(minutes=1)],
            "value": [10.0, 50.0],
            "weight": [1.0, 3.0],
        }
    )
    assert on_grid(rows, 300).tolist() == [pytest.approx(40.0)]
    rates = rows.with_columns(metric=pl.lit("request_rate"))
    assert on_grid(rates, 300).tolist() == [30.0]


def test_short_gaps_are_bridged_and_nothing_is_missing_after():
    """Models need a value at each step."""
    values = daily(3)
    values[100:104] = np.nan
    [series] = training_set(observations(values), START, START + timedelta(days=3)).series
    assert series.history.notna().all()
    between = np.linspace(values[99], values[104], 6)
    np.testing.assert_allclose(series.history.iloc[99:105], between)
    assert series.steps_per_day == DAY


def test_a_series_that_cannot_be_learnt_from_is_left_out_with_the_reason():
    """Too short, too empty, constant."""
    sparse = daily(3)
    sparse[100:-100] = np.nan
    frame = pl.concat(
        [
            observations(daily(1), 1),
            observations(sparse, 2),
            observations(np.full(3 * DAY, 5.0), 3),
            observations(daily(3), 4),
        ]
    )
    found = training_set(frame, START, START + timedelta(days=3))
    assert [series.series_id for series in found.series] == [4]
    assert found.excluded[1] == "history must be at least 2 days, got 1.0"
    assert found.excluded[3] == "values must vary, all are alike"
    assert found.excluded[2] == "at least 50% of the steps must be filled, got 23%"


def test_the_hash_tells_data_apart():
    """The same values, the same hash; one changed value, another."""
    values = daily(3)
    end = START + timedelta(days=3)
    first = training_set(observations(values), START, end).data_hash
    assert training_set(observations(values.copy()), START, end).data_hash == first
    values[500] += 1e-6
    assert training_set(observations(values), START, end).data_hash != first


def test_completeness_is_the_share_of_expected_windows():
    """One in ten missing is 90 %."""
    full = observations(daily(1))
    assert completeness(full) == 1.0
    assert completeness(full.filter(pl.int_range(pl.len()) % 10 != 5)) == pytest.approx(
        0.9, abs=0.01
    )
    assert completeness(full.head(0)) == 1.0


def test_drift_needs_size_as_well_as_significance():
    """The same wave again is none; a level shift is."""
    calm, moved = daily(3, seed=1), daily(3, seed=2)
    moved[-DAY:] += 60
    frame = pl.concat([observations(calm, 1), observations(moved, 2), observations(calm[:50], 3)])
    assert drifted_series(frame) == (1, 2)
