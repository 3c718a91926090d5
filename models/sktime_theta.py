"""sktime: the Theta method on what the season of the day leaves.

Source: Assimakopoulos and Nikolopoulos, International Journal of Forecasting 16(4), 2000.
"""

from vigil.backtest.candidate import Candidate
from vigil.forecast.sktime_adapter import SktimeForecaster


def build(season_steps: int) -> SktimeForecaster:
    """The season is added, not multiplied: values may be zero."""

    def model() -> object:
        from sktime.forecasting.theta import ThetaForecaster
        from sktime.transformations.series.detrend import Deseasonalizer

        return Deseasonalizer(sp=season_steps) * ThetaForecaster(deseasonalize=False)

    return SktimeForecaster(model)


candidate = Candidate("sktime_theta", "forecaster", "sktime", build)
