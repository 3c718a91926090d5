"""sktime: the Theta method on what the season of the day leaves, with sktime's conformal intervals.

Its forecast is the middle of them: the errors of past forecasts take the bias off the model's own.

Source: Stankevičiūtė et al., "Conformal time-series forecasting", NeurIPS 2021; the intervals are
quantiles of signed errors, a set for each horizon.
"""

from vigil.backtest.candidate import Candidate
from vigil.forecast.sktime_adapter import SktimeIntervals

ORIGINS = 40


def build(season_steps: int) -> SktimeIntervals:
    """The season is added, not multiplied: values may be zero."""

    def model() -> object:
        from sktime.forecasting.theta import ThetaForecaster
        from sktime.transformations.series.detrend import Deseasonalizer

        return Deseasonalizer(sp=season_steps) * ThetaForecaster(deseasonalize=False)

    return SktimeIntervals(model, season_steps, ORIGINS)


candidate = Candidate("sktime_conformal", "forecaster", "sktime", build, {"origins": ORIGINS})
