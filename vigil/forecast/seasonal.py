"""The yardstick: what was usual at that time of day."""

import numpy as np
import pandas as pd

from vigil.features.deploys import NO_DEPLOYS


class SeasonalNaive:
    """The last season once more (Hyndman and Athanasopoulos, "Forecasting", section 5.2)."""

    def __init__(self, season_steps: int) -> None:
        self.season_steps = season_steps

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """See `Forecaster`; with less than a season of history, its last value."""
        values = history.to_numpy(float)
        season = values[-self.season_steps :] if len(values) >= self.season_steps else values[-1:]
        return np.resize(season, steps)


class SeasonalMedian:
    """The median of each time of day over the last seven seasons."""

    def __init__(self, season_steps: int) -> None:
        self.season_steps = season_steps

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """See `Forecaster`."""
        values = history.to_numpy(float)
        seasons = min(7, len(values) // self.season_steps)
        if seasons == 0:
            return np.full(steps, np.median(values))
        recent = values[-seasons * self.season_steps :].reshape(seasons, self.season_steps)
        return np.resize(np.median(recent, axis=0), steps)
