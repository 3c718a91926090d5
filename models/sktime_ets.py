"""sktime: exponential smoothing chosen by AICc on what the season of the day leaves.

Source: Hyndman et al., "Forecasting with Exponential Smoothing", Springer 2008.
"""

from vigil.backtest.candidate import Candidate
from vigil.forecast.sktime_adapter import SktimeForecaster


def build(season_steps: int) -> SktimeForecaster:
    """A day has too many steps for a season of the model's own."""

    def model() -> object:
        from sktime.forecasting.statsforecast import StatsForecastAutoETS
        from sktime.transformations.series.detrend import Deseasonalizer

        return Deseasonalizer(sp=season_steps) * StatsForecastAutoETS(season_length=1)

    return SktimeForecaster(model)


candidate = Candidate("sktime_ets", "forecaster", "sktime", build)
