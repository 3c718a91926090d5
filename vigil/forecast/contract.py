"""What a forecaster is: past in, expected values out. Adapters make libraries meet it."""

from typing import Protocol

import numpy as np
import pandas as pd


class Forecaster(Protocol):
    """Fitted and asked once; a new one is built for each series and fold."""

    def forecast(self, history: pd.Series, steps: int) -> np.ndarray:
        """Expected values of the next `steps` steps, float64 (steps,).

        `history` has a DatetimeIndex with a frequency and no gaps.
        """
        ...
