"""Darts: ridge regression over the last steps, the same time yesterday, and the deploys."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.darts_adapter import DartsForecaster

RECENT_LAGS = (-1, -2, -3)
# Enough to steady effects seen for a few steps only; more would shrink those seen for long.
ALPHA = 0.1


def build(season_steps: int) -> DartsForecaster:
    """Regressors as `vigil.forecast.deploys` makes them, known ahead.

    They have the lags of the values: what is compared with yesterday is compared with whether the
    deploy had been made yesterday (regression with autoregressive errors, written out).
    """

    def model() -> object:
        from darts.models import SKLearnModel
        from sklearn.linear_model import Ridge

        lags = sorted({*RECENT_LAGS, -season_steps})
        return SKLearnModel(lags, lags_future_covariates=[*lags, 0], model=Ridge(alpha=ALPHA))

    return DartsForecaster(model, knows_deploys=True)


candidate = Candidate(
    "darts_deploys", "forecaster", "darts", build, {"recent_lags": RECENT_LAGS, "alpha": ALPHA}
)
