"""Darts: distance from the one-step forecasts of a linear model."""

from vigil.backtest.candidate import Candidate
from vigil.detect.library import DartsForecastingScorer


def build(season_steps: int) -> DartsForecastingScorer:
    """ForecastingAnomalyModel with the absolute difference as score."""

    def model() -> object:
        from darts.models import LinearRegressionModel

        return LinearRegressionModel(lags=[-1, -2, -3, -season_steps])

    def scorer() -> object:
        from darts.ad import NormScorer

        return NormScorer()

    return DartsForecastingScorer(model, scorer)


candidate = Candidate("darts_forecast_norm", "detector", "darts", build, deployable=False)
