"""Darts models as forecasters."""

from collections.abc import Callable, Sequence
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


class DartsGlobalForecaster:
    """A regression model of Darts that learns from all series of a group.

    `build` makes a fresh one. Each series is divided by its mean size, so that large ones do not
    outweigh small ones. Without `learn` it learns from the history that it is asked about.
    """

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build
        self._model: Any = None

    def learn(self, histories: Sequence[pd.Series]) -> None:
        """See `GlobalForecaster`."""
        from darts import TimeSeries

        self._model = self._build()
        self._model.fit([TimeSeries.from_series(own / _size(own)) for own in histories])

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """See `Forecaster`."""
        from darts import TimeSeries

        if self._model is None:
            self.learn([history])
        size = _size(history)
        scaled = TimeSeries.from_series(history / size)
        return np.asarray(self._model.predict(steps, series=scaled).values()[:, 0] * size)


def _size(history: pd.Series) -> float:
    return float(history.abs().mean()) or 1.0
