"""`vigil bench nab`: the Numenta Anomaly Benchmark's scoring, on whatever files are there.

One threshold for the whole corpus, the best for each profile; early detections inside a window
count most; detections outside cost more the further they are from the window before.

Source: Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms", 2015.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from vigil.bench.peers import PEERS
from vigil.collect.series_csv import read_series
from vigil.errors import InputError

PROBATION = 0.15
PROBATION_POINTS = 750


@dataclass(frozen=True, slots=True)
class NabFile:
    """One series: scores are judged from `start` on; windows as (first, last) row."""

    name: str
    time_s: np.ndarray
    value: np.ndarray
    windows: Sequence[tuple[int, int]]

    @property
    def start(self) -> int:
        """First row after the probationary period."""
        return min(int(PROBATION * len(self.value)), PROBATION_POINTS)


def read_corpus(folder: Path) -> tuple[list[NabFile], dict[str, dict[str, float]]]:
    """(files that are there, cost matrix of each profile); raises InputError."""
    try:
        labels = orjson.loads((folder / "labels" / "combined_windows.json").read_bytes())
        profiles = orjson.loads((folder / "profiles.json").read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(f"{folder} is not a copy of NAB: {error}") from error
    files = []
    for name in sorted(labels):
        path = folder / "data" / name
        if path.exists():
            series = read_series(path)
            windows = [_rows(series.time_s, *window) for window in labels[name]]
            files.append(NabFile(name, series.time_s, series.value, windows))
    return files, {name: profile["CostMatrix"] for name, profile in profiles.items()}


def _rows(time_s: np.ndarray, begin: str, end: str) -> tuple[int, int]:
    first = pd.Timestamp(begin, tz="UTC").timestamp()
    last = pd.Timestamp(end, tz="UTC").timestamp()
    return int(np.searchsorted(time_s, first)), int(np.searchsorted(time_s, last, "right")) - 1


def _sigmoid(y: np.ndarray) -> np.ndarray:
    return np.where(y > 3, -1.0, 2 / (1 + np.exp(5 * np.minimum(y, 3))) - 1)


def _weights(file: NabFile, cost: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """What a detection at each row is worth, and the window that the row lies in (-1: none)."""
    n = len(file.value)
    worth, window = np.full(n, -cost["fpWeight"]), np.full(n, -1)
    best = float(_sigmoid(np.array(-1.0)))
    for number, (first, last) in enumerate(file.windows):
        following = file.windows[number + 1][0] if number + 1 < len(file.windows) else n
        after = np.arange(last + 1, following)
        worth[after] = _sigmoid((after - last) / max(1, last - first)) * cost["fpWeight"]
    for number, (first, last) in enumerate(file.windows):
        inside = np.arange(first, last + 1)
        position = -(last - inside + 1) / (last - first + 1)
        worth[inside] = _sigmoid(position) * cost["tpWeight"] / best
        window[inside] = number
    return worth, window


def nab_score(
    files: Sequence[NabFile], scores: Sequence[np.ndarray], cost: dict[str, float]
) -> float:
    """The corpus score at its best threshold: 0 for no detection at all, 100 for a perfect run."""
    base, parts = 0, []
    for file, score in zip(files, scores, strict=True):
        worth, window = _weights(file, cost)
        numbered = np.where(window >= 0, window + base, -1)
        parts.append(np.stack([score, worth, numbered])[:, file.start :])
        base += len(file.windows)
    score, worth, window = np.concatenate(parts, axis=1)
    order = np.argsort(-score, kind="stable")
    gains = _gains(worth[order], window[order].astype(int), base, cost["fnWeight"])
    total = np.cumsum(gains) - base * cost["fnWeight"]
    # Rows of equal score are detected together.
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    null, perfect = -base * cost["fnWeight"], base * cost["tpWeight"]
    best = max(float(total[ends].max()), null)
    return 100 * (best - null) / (perfect - null)


def _gains(worth: np.ndarray, window: np.ndarray, windows: int, missed: float) -> np.ndarray:
    """How each further detection changes the total; inside a window only an improvement does."""
    gains = worth.copy()
    best = np.full(windows, -missed)
    for row in np.flatnonzero(window >= 0):
        gain = max(worth[row] - best[window[row]], 0.0)
        best[window[row]] += gain
        gains[row] = gain
    return gains


def bench_nab(
    folder: Path, detectors: Sequence[str], tick: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """Scores of the named detectors by profile."""
    files, profiles = read_corpus(folder)
    rows = []
    for name in detectors:
        scores = []
        for file in files:
            scores.append(PEERS[name](file.time_s, file.value)[0])
            tick()
        figures = {
            profile: round(nab_score(files, scores, cost), 2) for profile, cost in profiles.items()
        }
        windows = sum(len(file.windows) for file in files)
        rows.append({"detector": name, **figures, "files": len(files), "windows": windows})
    return rows
