"""statsforecast: Croston with the bias correction of Syntetos and Boylan, for sparse series.

Source: Syntetos and Boylan, International Journal of Forecasting 21(2), 2005.
"""

from vigil.backtest.candidate import Candidate
from vigil.forecast.statsforecast_adapter import StatsforecastForecaster


def build(season_steps: int) -> StatsforecastForecaster:
    """Size of a demand and steps between demands, each smoothed; no season."""

    def model() -> object:
        from statsforecast.models import CrostonSBA

        return CrostonSBA()

    return StatsforecastForecaster(model)


candidate = Candidate("croston", "forecaster", "statsforecast", build, sparse_only=True)
