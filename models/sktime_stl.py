"""sktime: STL decomposition; the season repeats, trend and remainder are continued as they are."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.sktime_adapter import SktimeForecaster


def build(season_steps: int) -> SktimeForecaster:
    """Plain rather than robust fitting: as good in backtests, at a tenth of the time.

    The slow parts are smoothed at every tenth of a season and joined by lines, as R's stl does:
    else a season of many steps costs its square.
    """
    jump = max(1, season_steps // 10)

    def model() -> object:
        from sktime.forecasting.trend import STLForecaster

        return STLForecaster(sp=season_steps, trend_jump=jump, low_pass_jump=jump)

    return SktimeForecaster(model)


candidate = Candidate("sktime_stl", "forecaster", "sktime", build, {"robust": False})
