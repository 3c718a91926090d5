"""sktime: reduction to ridge regression on the last steps, of what the season of the day leaves."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.sktime_adapter import SktimeForecaster

WINDOW, ALPHA = 24, 1.0


def build(season_steps: int) -> SktimeForecaster:
    """Each step ahead is forecast from those forecast before it."""

    def model() -> object:
        from sklearn.linear_model import Ridge
        from sktime.forecasting.compose import make_reduction
        from sktime.transformations.series.detrend import Deseasonalizer

        window = min(WINDOW, season_steps)
        return Deseasonalizer(sp=season_steps) * make_reduction(
            Ridge(alpha=ALPHA), window_length=window, strategy="recursive"
        )

    return SktimeForecaster(model)


candidate = Candidate(
    "sktime_reduction", "forecaster", "sktime", build, {"window": WINDOW, "alpha": ALPHA}
)
