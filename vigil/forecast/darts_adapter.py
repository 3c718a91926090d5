"""Darts models as forecasters."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from vigil.features.deploys import NO_DEPLOYS
from vigil.forecast.deploys import deploy_regressors


class DartsForecaster:
    """Any local or regression model of Darts; `build` makes a fresh one.

    `knows_deploys`: the model takes `deploy_regressors` as future covariates.
    """

    def __init__(self, build: Callable[[], Any], knows_deploys: bool = False) -> None:
        self._build = build
        self._knows_deploys = knows_deploys

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """See `Forecaster`."""
        from darts import TimeSeries

        model = self._build()
        known: dict[str, Any] = {}
        if self._knows_deploys:
            regressors = deploy_regressors(pd.DatetimeIndex(history.index), steps, deploys)
            known["future_covariates"] = TimeSeries.from_dataframe(regressors)
        model.fit(TimeSeries.from_series(history), **known)
        return model.predict(steps, **known).values()[:, 0]
