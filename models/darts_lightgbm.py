"""Darts: LightGBM over the last steps and the same time yesterday."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.darts_adapter import DartsForecaster

RECENT_LAGS = (-1, -2, -3, -6, -12)


def build(season_steps: int) -> DartsForecaster:
    """One thread: the backtest runs many small fits."""

    def model() -> object:
        from darts.models import LightGBMModel

        lags = sorted({*RECENT_LAGS, -season_steps})
        return LightGBMModel(lags=lags, random_state=0, verbose=-1, n_jobs=1)

    return DartsForecaster(model)


candidate = Candidate(
    "darts_lightgbm", "forecaster", "darts", build, {"recent_lags": RECENT_LAGS, "seasonal_lags": 1}
)
