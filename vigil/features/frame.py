"""Features of a series over time: level, spread, season, and the comparison with yesterday."""

import numpy as np
import pandas as pd

from vigil.features.grid import TrainingSeries, TrainingSet

LEVEL_STEPS = 12


def feature_frame(series: TrainingSeries) -> pd.DataFrame:
    """One row a step: value, level and spread (rolling median and MAD of an hour or so), hour,
    weekday, seasonal (usual value at that time of day), residual, ratio_yesterday, lag_1.
    """
    value = series.history
    times = pd.DatetimeIndex(value.index)
    level = value.rolling(LEVEL_STEPS, min_periods=1).median()
    seasonal = daily_profile(series)
    yesterday = value.shift(series.steps_per_day)
    return pd.DataFrame(
        {
            "series_id": series.series_id,
            "metric": series.metric,
            "value": value,
            "level": level,
            "spread": (value - level).abs().rolling(LEVEL_STEPS, min_periods=1).median(),
            "hour": times.hour,
            "weekday": times.dayofweek,
            "seasonal": seasonal,
            "residual": value - seasonal,
            "ratio_yesterday": value / yesterday.where(yesterday.abs() > 1e-9),
            "lag_1": value.shift(1),
        }
    )


def features_of(training: TrainingSet) -> pd.DataFrame:
    """Feature frames of all series, stacked; the time is the column `time`."""
    frames = [feature_frame(item).rename_axis("time").reset_index() for item in training.series]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def daily_profile(series: TrainingSeries) -> pd.Series:
    """The median value at each time of day, aligned with the history."""
    times = pd.DatetimeIndex(series.history.index)
    slot = _slot_of_day(times, series.steps_per_day)
    return series.history.groupby(slot).transform("median")


def season_profile(history: pd.Series, slots: int, season_s: float) -> np.ndarray:
    """Median value in each of `slots` equal parts of the season from Monday 00:00, float (slots,).

    Parts that the history never met take those of the nearest time.
    """
    monday_s = 4 * 86_400.0
    seconds = history.index.to_numpy().astype("datetime64[s]").astype(float)
    slot = np.floor(((seconds - monday_s) % season_s) / season_s * slots).astype(int)
    profile = history.groupby(slot).median().reindex(range(slots))
    return profile.interpolate(limit_direction="both").to_numpy()


def _slot_of_day(index: pd.DatetimeIndex, slots: int) -> np.ndarray:
    seconds = index.to_numpy().astype("datetime64[s]").astype("int64") % 86_400
    return seconds * slots // 86_400
