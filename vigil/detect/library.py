"""Detectors of other libraries behind one contract, for the workbench's competition."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pandas as pd

from vigil.detect.series import detect_series


class SeriesDetector(Protocol):
    """Scores a stretch of a series after having seen what came before."""

    def score(self, history: pd.Series, recent: pd.Series) -> np.ndarray:
        """Strangeness of each recent value, float64 (n,), finite, higher is stranger."""
        ...


class DartsScorer:
    """A fittable Darts scorer (such as KMeansScorer) on the raw values."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build

    def score(self, history: pd.Series, recent: pd.Series) -> np.ndarray:
        """See `SeriesDetector`; a windowed score belongs to its window's last value."""
        from darts import TimeSeries

        scorer = self._build()
        scorer.fit(TimeSeries.from_series(history))
        # The scorer's window reaches back into the history.
        lead = history.iloc[len(history) - int(scorer.window) + 1 :]
        scored = scorer.score(TimeSeries.from_series(_joined(lead, recent)))
        return _last(scored.values()[:, 0], len(recent))


class DartsForecastingScorer:
    """Darts' ForecastingAnomalyModel: distance from a model's one-step forecasts."""

    def __init__(self, build_model: Callable[[], Any], build_scorer: Callable[[], Any]) -> None:
        self._build_model = build_model
        self._build_scorer = build_scorer

    def score(self, history: pd.Series, recent: pd.Series) -> np.ndarray:
        """See `SeriesDetector`."""
        from darts import TimeSeries
        from darts.ad import ForecastingAnomalyModel

        past = TimeSeries.from_series(history)
        model = ForecastingAnomalyModel(self._build_model(), self._build_scorer())
        model.fit(past, allow_model_training=True, start=0.5)
        whole = TimeSeries.from_series(_joined(history, recent))
        scored = model.score(whole, start=recent.index[0])
        return _last(scored.values()[:, 0], len(recent))


class SktimeScorer:
    """An sktime detector's scores on the residuals from the usual time of day."""

    def __init__(self, build: Callable[[], Any], season_steps: int) -> None:
        self._build = build
        self._season_steps = season_steps

    def score(self, history: pd.Series, recent: pd.Series) -> np.ndarray:
        """See `SeriesDetector`."""
        whole = pd.concat([history, recent])
        usual = whole.shift(self._season_steps).bfill()
        residual = (whole - usual).to_frame("residual").reset_index(drop=True)
        past, now = residual.iloc[: len(history)], residual.iloc[len(history) :]
        detector = self._build().set_config(remember_data=False)
        detector.fit(past)
        scores = detector.transform_scores(residual)
        return np.nan_to_num(np.abs(np.asarray(scores, float).ravel()[-len(now) :]))


class SktimeLabels:
    """An sktime detector that only names anomalies: they score 1, all else 0."""

    def __init__(self, build: Callable[[], Any], season_steps: int) -> None:
        self._build = build
        self._season_steps = season_steps

    def score(self, history: pd.Series, recent: pd.Series) -> np.ndarray:
        """See `SeriesDetector`."""
        whole = pd.concat([history, recent])
        usual = whole.shift(self._season_steps).bfill()
        residual = (whole - usual) / (1.4826 * (whole - usual).abs().median() + 1e-9)
        frame = residual.to_frame("residual").reset_index(drop=True)
        detector = self._build().set_config(remember_data=False)
        labels = detector.fit(frame.iloc[: len(history)]).transform(frame)
        return (np.asarray(labels, float).ravel()[-len(recent) :] != 0).astype(float)


class StumpyDiscord:
    """Online matrix profile: distance of the last `window` values from the nearest before them.

    Not normalised, since an API's level matters. About 30 µs a value and 1,000 of history.
    Source: Yeh et al., "Matrix profile I", ICDM 2016; stumpy's `stumpi`.
    """

    def __init__(self, window: int) -> None:
        self._window = window

    def score(self, history: pd.Series, recent: pd.Series) -> np.ndarray:
        """See `SeriesDetector`; a discord belongs to its window's last value."""
        import stumpy

        past = history.to_numpy(float)
        # The profile of the history itself is not asked for: no neighbours, at no distance known.
        unknown = np.empty((len(past) - self._window + 1, 4), object)
        unknown[:, 0], unknown[:, 1:] = np.inf, -1
        profile = stumpy.stumpi(past, self._window, egress=True, normalize=False, mp=unknown)
        distance = np.empty(len(recent))
        for row, value in enumerate(recent.to_numpy(float)):
            profile.update(value)
            distance[row] = profile.left_P_[-1]
        return np.nan_to_num(distance, posinf=0.0)


class HalfSpaceTreesScorer:
    """river's HalfSpaceTrees on a value and its change from a season ago, both scaled to 0..1.

    Source: Tan, Ting and Liu, "Fast anomaly detection for streaming data", IJCAI 2011.
    """

    def __init__(self, trees: int, window: int, season_steps: int) -> None:
        self._trees, self._window, self._season_steps = trees, window, season_steps

    def score(self, history: pd.Series, recent: pd.Series) -> np.ndarray:
        """See `SeriesDetector`; learns each value after it is scored."""
        from river import anomaly, preprocessing

        model = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(
            n_trees=self._trees, window_size=self._window, seed=42
        )
        whole = pd.concat([history, recent]).ffill().bfill()
        change = (whole - whole.shift(self._season_steps)).fillna(0.0)
        rows = [{"value": v, "change": c} for v, c in zip(whole, change, strict=True)]
        score = np.zeros(len(rows))
        for number, row in enumerate(rows):
            if number >= len(history):
                score[number] = model.score_one(row)
            model.learn_one(row)
        return score[len(history) :]


class OnlineScorer:
    """Vigil's own online detector, as the stream runs it."""

    def score(self, history: pd.Series, recent: pd.Series) -> np.ndarray:
        """See `SeriesDetector`."""
        whole = pd.concat([history, recent])
        time_s = whole.index.to_numpy().astype("datetime64[us]").astype("int64") / 1e6
        return detect_series(time_s, whole.to_numpy(float)).rank[-len(recent) :]


def _joined(before: pd.Series, after: pd.Series) -> pd.Series:
    """One series with the frequency that concatenation forgets."""
    return pd.concat([before, after]).asfreq(pd.DatetimeIndex(after.index).freq)


def _last(scores: np.ndarray, count: int) -> np.ndarray:
    """The last `count` scores, zeros before where the library gives fewer."""
    padded = np.concatenate([np.zeros(max(0, count - len(scores))), scores])
    return np.nan_to_num(padded[-count:])
