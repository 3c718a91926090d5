"""statsforecast: sparse series summed up until they are not sparse, smoothed, shared out again.

Source: Nikolopoulos et al., Journal of the Operational Research Society 62(3), 2011.
"""

from vigil.backtest.candidate import Candidate
from vigil.forecast.statsforecast_adapter import StatsforecastForecaster


def build(season_steps: int) -> StatsforecastForecaster:
    """No season."""

    def model() -> object:
        from statsforecast.models import ADIDA

        return ADIDA()

    return StatsforecastForecaster(model)


candidate = Candidate("adida", "forecaster", "statsforecast", build, sparse_only=True)
