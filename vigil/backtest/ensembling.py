"""The ensemble's weights from anomalies injected into quiet history: where nobody has labelled."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from vigil.backtest.injection import inject
from vigil.detect.ensemble import EQUAL, Ensemble, Weights, pooled
from vigil.detect.series import detect_series

# The end of the history that is spoilt, so many times; before it members find their units.
SPOILT_SHARE, ROUNDS = 0.25, 3
LEAST_ROWS = 24


# The candidate's name, by which a bundle knows that its weights belong in there.
ENSEMBLE = "ensemble"


class EnsembleScorer:
    """The ensemble as a candidate: learns its weights on the history unless they are given."""

    def __init__(self, weights: Weights | None = None) -> None:
        self._weights = weights

    def score(self, history: pd.Series, recent: pd.Series) -> np.ndarray:
        """See `SeriesDetector`."""
        weights = self._weights or learn_on(history)
        ensemble = Ensemble(weights)
        ensemble.update(*_columns(history))
        return ensemble.update(*_columns(recent))


def learn_on(history: pd.Series) -> Weights:
    """Weights that find anomalies injected into the last quarter of a series with a time index.

    Rows that the online detector flags by itself are left out: they may be anomalies too. Equal
    weights for a series that is too short.
    """
    return pooled(examples(history))


def learn_on_all(histories: Iterable[pd.Series]) -> Weights:
    """Weights for a group of series: one round of injections into each."""
    return pooled([pair for history in histories for pair in examples(history, rounds=1)])


def examples(history: pd.Series, rounds: int = ROUNDS) -> list[tuple[np.ndarray, np.ndarray]]:
    """(members' p-values, labels) of each round of injections."""
    rows = int(len(history) * SPOILT_SHARE)
    if rows < LEAST_ROWS:
        return []
    past, end = history.iloc[:-rows], history.iloc[-rows:]
    quiet = ~detect_series(*_columns(history)).flagged[-rows:]
    found = []
    for seed in range(rounds):
        spoilt, labels = inject(end, past, seed)
        ensemble = Ensemble(EQUAL)
        ensemble.members(*_columns(past))
        p = ensemble.members(*_columns(spoilt))
        kept = quiet | labels
        found.append((p[kept], labels[kept]))
    return found


def _columns(series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    time_s = series.index.to_numpy().astype("datetime64[us]").astype("int64") / 1e6
    return time_s, series.to_numpy(float)
