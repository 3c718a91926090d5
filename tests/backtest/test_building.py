"""Global models learn from all series of a group, from none of their futures."""

import numpy as np
import pandas as pd

from models import darts_global
from vigil.backtest.building import MOST_LEARNED, forecasters
from vigil.backtest.candidate import Candidate
from vigil.features.deploys import NO_DEPLOYS


class Global:
    """Notes what it learned from."""

    def __init__(self) -> None:
        self.means: list[float] = []

    def learn(self, histories) -> None:
        """Their means."""
        self.means += [float(own.mean()) for own in histories]

    def forecast(self, history, steps, deploys=NO_DEPLOYS) -> np.ndarray:
        """Nothing."""
        return np.zeros(steps)


def hourly(values: np.ndarray) -> pd.Series:
    """On whole hours."""
    return pd.Series(values, index=pd.date_range("2026-03-02", periods=len(values), freq="h"))


def test_a_global_model_learns_once_from_series_of_all_sizes():
    """The same one is given for each series; at most fifty are learned from."""
    candidate = Candidate("global", "forecaster", "test", lambda season_steps: Global())
    fresh = forecasters(candidate, 24, [hourly(np.full(48, float(n))) for n in range(120)])
    assert fresh() is fresh()
    assert len(fresh().means) <= MOST_LEARNED
    assert fresh().means[0] == 0
    assert fresh().means[-1] > 110


def test_other_models_are_made_anew_for_each_series():
    """They are fitted once and asked once."""
    candidate = Candidate("local", "forecaster", "test", lambda season_steps: object())
    fresh = forecasters(candidate, 24, [])
    assert fresh() is not fresh()


def test_a_short_history_is_forecast_by_what_longer_ones_taught():
    """Two days of a wave at another size and phase, forecast by what ten days of others show."""
    rng = np.random.default_rng(1)
    hours = np.arange(240)
    others = [
        hourly(size * (10 + np.sin(2 * np.pi * (hours + phase) / 24) + rng.normal(0, 0.05, 240)))
        for size, phase in ((1, 0), (50, 5), (0.1, 11))
    ]
    wave = 7 * (10 + np.sin(2 * np.pi * (np.arange(72) + 3) / 24))
    fresh = forecasters(darts_global.candidate, 24, others)
    found = fresh().forecast(hourly(wave[:48]).asfreq("h"), 24)
    assert np.abs(found - wave[48:]).mean() < 2
