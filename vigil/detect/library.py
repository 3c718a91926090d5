"""Detectors of Darts and sktime behind one contract, for the workbench's competition."""

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
