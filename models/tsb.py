"""statsforecast: probability and size of a demand, for sparse series that may die out.

Source: Teunter, Syntetos and Babai, European Journal of Operational Research 214(3), 2011.
"""

from vigil.backtest.candidate import Candidate
from vigil.forecast.statsforecast_adapter import StatsforecastForecaster

# What a step counts in the probability, and a demand in the size.
ALPHA_PROBABILITY, ALPHA_SIZE = 0.1, 0.1


def build(season_steps: int) -> StatsforecastForecaster:
    """The probability falls with each step without demand, which Croston's does not; no season."""

    def model() -> object:
        from statsforecast.models import TSB

        return TSB(alpha_d=ALPHA_SIZE, alpha_p=ALPHA_PROBABILITY)

    return StatsforecastForecaster(model)


candidate = Candidate(
    "tsb", "forecaster", "statsforecast", build,
    {"alpha_probability": ALPHA_PROBABILITY, "alpha_size": ALPHA_SIZE}, sparse_only=True,
)  # fmt: skip
