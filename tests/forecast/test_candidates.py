"""Candidates that forecast meet the contract on a plain daily series."""

import numpy as np
import pandas as pd
import pytest

from vigil.backtest.candidate import find_candidates
from vigil.forecast.sktime_adapter import SktimeForecaster

# Those of sparse series, and those that expect one value for all times of the day, see no season.
SEASONAL = [
    candidate
    for candidate in find_candidates()
    if candidate.role == "forecaster" and not candidate.sparse_only
]


@pytest.mark.parametrize("candidate", SEASONAL, ids=lambda candidate: candidate.name)
def test_a_daily_season_is_continued(candidate):
    """Finite values, as many as asked for, near the truth."""
    hours = pd.date_range("2026-03-02", periods=24 * 15, freq="h")
    wave = pd.Series(10 + np.sin(np.arange(len(hours)) * 2 * np.pi / 24), index=hours)
    found = candidate.build(24).forecast(wave.iloc[:-24].asfreq("h"), 24)
    assert found.shape == (24,)
    assert np.abs(found - wave.iloc[-24:].to_numpy()).max() < 0.3


def test_stl_that_smooths_at_every_tenth_of_a_season_forecasts_the_same():
    """To a hundredth of the noise, at a fraction of the time."""
    from sktime.forecasting.trend import STLForecaster

    steps = pd.date_range("2026-03-02", periods=144 * 8, freq="10min")
    noise = np.random.default_rng(0).normal(size=len(steps))
    wave = 5 * np.sin(np.arange(len(steps)) * 2 * np.pi / 144) + noise
    history = pd.Series(wave, steps).asfreq("10min")
    everywhere = SktimeForecaster(lambda: STLForecaster(sp=144)).forecast(history, 144)
    [candidate] = find_candidates(["sktime_stl"])
    jumping = candidate.build(144).forecast(history, 144)
    assert 0 < np.abs(jumping - everywhere).mean() < 0.01
