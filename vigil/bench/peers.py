"""Other detectors, run beside Vigil's on the same points: score by past values, flag by default."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from vigil.detect.library import DartsScorer, SeriesDetector, SktimeScorer
from vigil.detect.series import detect_series
from vigil.errors import UsageError

# (time_s, value) -> (score, higher is stranger; flag), both (n,), rows in time order.
Peer = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

SIGMAS = 8.0
MAD_TO_SIGMA = 1.4826


def vigil(time_s: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vigil's default detector."""
    decisions = detect_series(time_s, value)
    return decisions.score, decisions.flagged


def rolling_mad(time_s: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the median of the last 500 values, in their MADs."""
    past = pd.Series(value).ffill().fillna(0.0)
    center = past.rolling(500, min_periods=5).median().shift(1)
    spread = (past - center).abs().rolling(500, min_periods=5).median().shift(1)
    return _scaled((past - center).abs(), spread, center)


def seasonal_mad(time_s: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the median of the same time on the last seven days, in MADs."""
    past = pd.Series(value).ffill().fillna(0.0)
    per_day = max(1, round(86_400 / max(float(np.median(np.diff(time_s))), 1.0)))
    days = pd.concat([past.shift(per_day * day) for day in range(1, 8)], axis=1)
    center = days.median(axis=1).fillna(past)
    away = (past - center).abs()
    return _scaled(away, away.expanding(5).median().shift(1), center)


def _scaled(away: pd.Series, spread: pd.Series, center: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    # Two percent of the level, so that a constant series is not infinitely precise.
    scale = MAD_TO_SIGMA * spread + 0.02 * center.abs() + 1e-9
    score = (away / scale).fillna(0.0).to_numpy()
    return score, score > SIGMAS


def half_space_trees(time_s: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """river's HalfSpaceTrees behind a running min-max scaling; flags above 0.95.

    Raises UsageError where river is not installed: it belongs to the development group.
    """
    try:
        from river import anomaly, preprocessing
    except ImportError as error:
        raise UsageError("the peer half_space_trees needs river: run `make setup`") from error
    model = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=42, window_size=250)
    score = np.zeros(len(value))
    for row, seen in enumerate(pd.Series(value).ffill().fillna(0.0)):
        score[row] = model.score_one({"value": seen})
        model.learn_one({"value": seen})
    return score, score > 0.95


def windowed_gaussian(time_s: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided normal tail of each value under the last 6,400, as in NAB's baseline."""
    from scipy.stats import norm

    past = pd.Series(value).ffill().fillna(0.0)
    mean = past.rolling(6_400, min_periods=2).mean().shift(1)
    deviation = past.rolling(6_400, min_periods=2).std().shift(1).clip(lower=1e-6)
    away = ((past - mean).abs() / deviation).fillna(0.0).to_numpy()
    score = norm.cdf(away) * 2 - 1
    return score, score > 0.9999


def darts_kmeans(time_s: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Darts' KMeansScorer with its default eight clusters, fitted on the first quarter.

    Flags beyond the 99.9 % quantile of the fitted part, as Darts' QuantileDetector does.
    """
    from darts.ad import KMeansScorer

    scorer = DartsScorer(lambda: KMeansScorer(k=8, window=12, random_state=0))
    return _fitted_on_the_first_quarter(scorer, value)


def sktime_hampel(time_s: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sktime's HampelDetector on the change from yesterday, flags as for `darts_kmeans`."""
    from sktime.detection.hampel import HampelDetector

    per_day = max(1, round(86_400 / max(float(np.median(np.diff(time_s))), 1.0)))
    scorer = SktimeScorer(lambda: HampelDetector(window_length=48), per_day)
    return _fitted_on_the_first_quarter(scorer, value)


def _fitted_on_the_first_quarter(
    scorer: SeriesDetector, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Later points are scored; the first quarter scores zero, its second half sets the flags."""
    whole = pd.Series(pd.Series(value).ffill().bfill().fillna(0.0).to_numpy())
    whole.index = pd.date_range("2026-03-02", periods=len(whole), freq="min")
    fitted, half = len(whole) // 4, len(whole) // 8
    usual = scorer.score(whole.iloc[:half], whole.iloc[half:fitted])
    later = scorer.score(whole.iloc[:fitted], whole.iloc[fitted:])
    score = np.concatenate([np.zeros(fitted), later])
    return score, score > np.quantile(usual, 0.999)


PEERS: dict[str, Peer] = {
    "vigil": vigil,
    "rolling_mad": rolling_mad,
    "seasonal_mad": seasonal_mad,
    "windowed_gaussian": windowed_gaussian,
    "half_space_trees": half_space_trees,
    "darts_kmeans": darts_kmeans,
    "sktime_hampel": sktime_hampel,
}
