"""Darts: linear regression on the last steps and the same time yesterday."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.darts_adapter import DartsForecaster

RECENT_LAGS = (-1, -2, -3)


def build(season_steps: int) -> DartsForecaster:
    """Lags around yesterday smooth its noise."""

    def model() -> object:
        from darts.models import LinearRegressionModel

        yesterday = [-season_steps + shift for shift in (-1, 0, 1)]
        return LinearRegressionModel(lags=sorted({*RECENT_LAGS, *yesterday}))

    return DartsForecaster(model)


candidate = Candidate(
    "darts_linear", "forecaster", "darts", build, {"recent_lags": RECENT_LAGS, "seasonal_lags": 3}
)
