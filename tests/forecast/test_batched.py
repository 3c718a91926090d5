"""Batched forecasters: each does what one model a series would do, for all series at once."""

import numpy as np
import pytest

from vigil.forecast.batched import BATCH_FORECASTERS, backtest_batch, lagged_ridge, seasonal_naive

SEASON, DAYS = 24, 30


@pytest.fixture
def values() -> np.ndarray:
    """Five series of thirty days of hours: season, week, noise."""
    hour = np.arange(DAYS * SEASON)
    week = 1 - 0.5 * (hour // SEASON % 7 >= 5)
    noise = np.random.default_rng(0).normal(0, 0.2, (5, len(hour)))
    scale = np.array([1, 10, 100, 1e3, 1e4])[:, None]
    return scale * (10 + 5 * np.sin(2 * np.pi * hour / SEASON) * week + noise)


@pytest.mark.parametrize("name", BATCH_FORECASTERS)
def test_a_series_forecast_does_not_depend_on_its_neighbours(values, name):
    """Alone or in a batch: the same."""
    forecast = BATCH_FORECASTERS[name]
    together = forecast(values, SEASON, SEASON)
    assert together.shape == (5, SEASON)
    alone = np.concatenate([forecast(row[None], SEASON, SEASON) for row in values])
    np.testing.assert_allclose(together, alone)


def test_seasonal_naive_is_the_last_season(values):
    """Also for a horizon shorter than the season."""
    np.testing.assert_array_equal(
        seasonal_naive(values, SEASON, 5), values[:, -SEASON : -SEASON + 5]
    )


def test_ridge_learns_which_lag_matters():
    """A series that repeats each week, not each day: the weekly lag has to be found."""
    week = np.random.default_rng(1).normal(0, 1, (1, 7 * SEASON))
    whole = np.tile(week, 5)
    forecast = lagged_ridge(whole[:, : -3 * SEASON], SEASON, SEASON)
    truth = whole[:, -3 * SEASON : -2 * SEASON]
    assert np.abs(forecast - truth).mean() < 0.2 * np.abs(truth).mean()


def test_the_backtest_beats_the_naive_season_on_weekly_series(values):
    """MASE below one for what is chosen on earlier folds and judged on the last."""
    result = backtest_batch(values, SEASON, folds=3, horizon=SEASON)
    assert result.mase.shape == (5, 3, len(BATCH_FORECASTERS))
    assert (result.honest_mase < 1).all()
    assert {result.names[best] for best in result.best} <= set(BATCH_FORECASTERS)


@pytest.mark.parametrize(("folds", "horizon"), [(1, 24), (3, 25), (17, 24)])
def test_too_short_a_history_is_refused(values, folds, horizon):
    """With the numbers."""
    with pytest.raises(ValueError, match=f"horizon {horizon}, season 24, 720 steps and {folds}"):
        backtest_batch(values, SEASON, folds, horizon)
