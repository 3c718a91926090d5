"""statsforecast models as forecasters."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from vigil.features.deploys import NO_DEPLOYS


class StatsforecastForecaster:
    """Any model of statsforecast; `build` makes a fresh one."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """See `Forecaster`."""
        found = self._build().forecast(history.to_numpy(float), steps)
        return np.asarray(found["mean"], float)
