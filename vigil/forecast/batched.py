"""Forecasters that fit thousands of series at once: one array operation instead of a loop.

Arrays are float (s, n): s series of n equal steps, no gaps. Every forecaster takes the history and
a horizon no longer than the season, and returns (s, horizon). They are baselines that are hard to
beat and cheap enough for every series; what they do badly on is left to the libraries.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

BatchForecaster = Callable[[np.ndarray, int, int], np.ndarray]

PROFILE_SEASONS = 14
RIDGE = 1e-2


def seasonal_naive(history: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """The last season again."""
    return history[:, -season : history.shape[1] - season + horizon]


def weekly_naive(history: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """The same time a week ago, for a season of a day."""
    return seasonal_naive(history, 7 * season, horizon)


def seasonal_profile(history: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """The median of the last two weeks at each time of the season."""
    return np.median(_seasons(history, season, PROFILE_SEASONS), axis=1)[:, :horizon]


def level_and_profile(history: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """The profile, moved by how much the last season lay above or below it."""
    seasons = _seasons(history, season, PROFILE_SEASONS)
    profile = np.median(seasons, axis=1)
    shift = np.median(seasons[:, -1] - profile, axis=1, keepdims=True)
    return (profile + shift)[:, :horizon]


def lagged_ridge(history: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Ridge regression on the same time one, two and seven seasons ago, a model a series.

    Normal equations of all series are solved at once. Lags are no shorter than the horizon, so one
    pass forecasts all of it.
    """
    n = history.shape[1]
    lags = season * np.array([1, 2, 7])
    first = n - 2 * 7 * season if n >= 3 * 7 * season else int(lags[-1])
    center = history.mean(axis=1, keepdims=True)
    scale = history.std(axis=1, keepdims=True) + 1e-9
    scaled = (history - center) / scale
    past = np.stack([scaled[:, first - lag : n - lag] for lag in lags], axis=2)
    gram = np.matmul(past.transpose(0, 2, 1), past)
    gram += RIDGE * (n - first) * np.eye(len(lags), dtype=history.dtype)
    moment = np.matmul(past.transpose(0, 2, 1), scaled[:, first:, None])
    weights = np.linalg.solve(gram, moment)
    ahead = np.stack([scaled[:, n - lag : n - lag + horizon] for lag in lags], axis=2)
    forecast: np.ndarray = np.matmul(ahead, weights)[:, :, 0] * scale + center
    return forecast


BATCH_FORECASTERS: Mapping[str, BatchForecaster] = {
    "seasonal_naive": seasonal_naive,
    "weekly_naive": weekly_naive,
    "seasonal_profile": seasonal_profile,
    "level_and_profile": level_and_profile,
    "lagged_ridge": lagged_ridge,
}


@dataclass(frozen=True, slots=True)
class BatchBacktest:
    """`mase` float (s, folds, candidates); `names` of the candidates."""

    names: tuple[str, ...]
    mase: np.ndarray

    @property
    def best(self) -> np.ndarray:
        """Index of the candidate with the lowest mean MASE of each series, int64 (s,)."""
        return np.argmin(self.mase.mean(axis=1), axis=1)

    @property
    def honest_mase(self) -> np.ndarray:
        """MASE on the last fold of what the folds before would have chosen, float (s,)."""
        chosen = np.argmin(self.mase[:, :-1].mean(axis=1), axis=1)
        return self.mase[np.arange(len(chosen)), -1, chosen]


def backtest_batch(values: np.ndarray, season: int, folds: int, horizon: int) -> BatchBacktest:
    """Rolling origin: each fold forecasts the next `horizon` steps from all before.

    values: float (s, n), n >= 14 seasons and the folds, of which there are at least two. Raises
    ValueError where it is shorter or the horizon longer than the season.
    """
    n = values.shape[1]
    if folds < 2 or horizon > season or n - folds * horizon < PROFILE_SEASONS * season:
        raise ValueError(
            f"a backtest needs two folds, horizon <= season and {PROFILE_SEASONS} seasons before"
            f" the first fold, got horizon {horizon}, season {season}, {n} steps and {folds} folds"
        )
    mase = np.zeros((len(values), folds, len(BATCH_FORECASTERS)))
    for fold in range(folds):
        origin = n - (folds - fold) * horizon
        history, future = values[:, :origin], values[:, origin : origin + horizon]
        naive = np.abs(history[:, season:] - history[:, :-season]).mean(axis=1) + 1e-9
        for column, forecast in enumerate(BATCH_FORECASTERS.values()):
            error = np.abs(forecast(history, season, horizon) - future).mean(axis=1)
            mase[:, fold, column] = error / naive
    return BatchBacktest(tuple(BATCH_FORECASTERS), mase)


def _seasons(history: np.ndarray, season: int, count: int) -> np.ndarray:
    """The last seasons, (s, count, season), oldest first."""
    whole = history[:, history.shape[1] - count * season :]
    return whole.reshape(len(history), count, season)
