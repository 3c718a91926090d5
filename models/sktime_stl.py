"""sktime: STL decomposition; the season repeats, trend and remainder are continued as they are."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.sktime_adapter import SktimeForecaster


def build(season_steps: int) -> SktimeForecaster:
    """Plain rather than robust fitting: as good in backtests, at a tenth of the time."""

    def model() -> object:
        from sktime.forecasting.trend import STLForecaster

        return STLForecaster(sp=season_steps)

    return SktimeForecaster(model)


candidate = Candidate("sktime_stl", "forecaster", "sktime", build, {"robust": False})
