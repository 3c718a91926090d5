"""sktime estimators as forecasters."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from vigil.features.deploys import NO_DEPLOYS


class SktimeForecaster:
    """Any sktime forecaster; `build` makes a fresh one."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """See `Forecaster`."""
        with warnings.catch_warnings():
            # The parts of a pipeline tell of a default of theirs each time, whatever is set here.
            warnings.filterwarnings("ignore", message="The default of config")
            # Nothing is updated afterwards, so nothing needs to be remembered.
            model = self._build().set_config(remember_data=False)
            model.fit(history, fh=np.arange(1, steps + 1))
            return np.asarray(model.predict(), float).ravel()
