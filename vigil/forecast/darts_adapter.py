"""Darts models as forecasters."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd


class DartsForecaster:
    """Any local or regression model of Darts; `build` makes a fresh one."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build

    def forecast(self, history: pd.Series, steps: int) -> np.ndarray:
        """See `Forecaster`."""
        from darts import TimeSeries

        model = self._build()
        model.fit(TimeSeries.from_series(history))
        return model.predict(steps).values()[:, 0]
