"""sktime estimators as forecasters."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd


class SktimeForecaster:
    """Any sktime forecaster; `build` makes a fresh one."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build

    def forecast(self, history: pd.Series, steps: int) -> np.ndarray:
        """See `Forecaster`."""
        # Inner estimators of a pipeline announce a coming default once each; nothing here is
        # updated after its fit, which is all that the default is about.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The default of config", FutureWarning)
            model = self._build().set_config(remember_data=False)
            model.fit(history, fh=np.arange(1, steps + 1))
            return np.asarray(model.predict(), float).ravel()
