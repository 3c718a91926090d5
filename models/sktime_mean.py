"""sktime: the mean of each time of day."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.sktime_adapter import SktimeForecaster


def build(season_steps: int) -> SktimeForecaster:
    """A forecaster that averages whole seasons."""

    def model() -> object:
        from sktime.forecasting.naive import NaiveForecaster

        return NaiveForecaster(strategy="mean", sp=season_steps)

    return SktimeForecaster(model)


candidate = Candidate("sktime_mean", "forecaster", "sktime", build, {"strategy": "mean"})
