"""sktime: AutoARIMA on what the season of the day leaves.

Source: Hyndman and Khandakar, Journal of Statistical Software 27(3), 2008.
"""

from vigil.backtest.candidate import Candidate
from vigil.forecast.sktime_adapter import SktimeForecaster

MOST_ORDER = 3


def build(season_steps: int) -> SktimeForecaster:
    """Small orders and approximate likelihoods: a day has many steps, and there are many series."""

    def model() -> object:
        from sktime.forecasting.statsforecast import StatsForecastAutoARIMA
        from sktime.transformations.series.detrend import Deseasonalizer

        return Deseasonalizer(sp=season_steps) * StatsForecastAutoARIMA(
            seasonal=False, max_p=MOST_ORDER, max_q=MOST_ORDER, approximation=True
        )

    return SktimeForecaster(model)


candidate = Candidate("sktime_arima", "forecaster", "sktime", build, {"most_order": MOST_ORDER})
