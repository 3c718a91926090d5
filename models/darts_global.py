"""Darts: one LightGBM for all series of a group, over the last steps and the same time yesterday.

Source: Montero-Manso and Hyndman, International Journal of Forecasting 37(4), 2021 (one model for
many series).
"""

from vigil.backtest.candidate import Candidate
from vigil.forecast.darts_adapter import DartsGlobalForecaster

RECENT_LAGS = (-1, -2, -3, -6, -12)


def build(season_steps: int) -> DartsGlobalForecaster:
    """One thread: the backtest runs many small fits."""

    def model() -> object:
        from darts.models import LightGBMModel

        lags = sorted({*RECENT_LAGS, -season_steps})
        return LightGBMModel(lags=lags, random_state=0, verbose=-1, n_jobs=1)

    return DartsGlobalForecaster(model)


candidate = Candidate("darts_global", "forecaster", "darts", build, {"recent_lags": RECENT_LAGS})
