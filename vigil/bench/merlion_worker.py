"""Merlion's default detector on one series, in an environment of its own: imports nothing of Vigil.

    python merlion_worker.py SERIES.npz SCORES.npz

SERIES.npz holds time_s, value and fitted, the number of rows to fit on; SCORES.npz gets score and
flag of the rows after them.
"""

import sys

import numpy as np
import pandas as pd
from merlion.models.defaults import DefaultDetector, DefaultDetectorConfig
from merlion.utils import TimeSeries


def main(source: str, target: str) -> None:
    """Fit with defaults, score what comes after, flag by the default rule."""
    given = np.load(source)
    index = pd.to_datetime(given["time_s"], unit="s")
    frame = pd.DataFrame({"value": given["value"]}, index=index)
    fitted = int(given["fitted"])
    model = DefaultDetector(DefaultDetectorConfig())
    past = TimeSeries.from_pd(frame.iloc[:fitted])
    later = TimeSeries.from_pd(frame.iloc[fitted:])
    model.train(train_data=past)
    score = _by_time(model.get_anomaly_score(later, past), index[fitted:])
    flag = _by_time(model.get_anomaly_label(later, past), index[fitted:])
    np.savez(target, score=score, flag=flag != 0)


def _by_time(found: TimeSeries, index: pd.DatetimeIndex) -> np.ndarray:
    """Merlion may resample: each row takes the newest score that is not later."""
    scores = found.to_pd().iloc[:, 0]
    return scores.reindex(index, method="ffill").fillna(0.0).to_numpy(float)


if __name__ == "__main__":
    main(*sys.argv[1:])
