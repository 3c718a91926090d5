"""Darts: ridge regression over the last steps, the same time yesterday, and the deploys."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.darts_adapter import DartsForecaster

RECENT_LAGS = (-1, -2, -3)
# A deploy's effect counts half with one step after it, nine tenths with nine.
ALPHA = 1.0


def build(season_steps: int) -> DartsForecaster:
    """Regressors as `vigil.forecast.deploys` makes them, known ahead."""

    def model() -> object:
        from darts.models import SKLearnModel
        from sklearn.linear_model import Ridge

        return SKLearnModel(
            lags=sorted({*RECENT_LAGS, -season_steps}), lags_future_covariates=[0],
            model=Ridge(alpha=ALPHA),
        )  # fmt: skip

    return DartsForecaster(model, knows_deploys=True)


candidate = Candidate(
    "darts_deploys", "forecaster", "darts", build, {"recent_lags": RECENT_LAGS, "alpha": ALPHA}
)
