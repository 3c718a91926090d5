"""Seeded anomalies in real series: how detectors are compared where nobody has labelled anything.

Source: Goswami et al., "Unsupervised model selection for time-series anomaly detection",
ICLR 2023, where the ranking by injected anomalies agrees with the ranking by real ones.
"""

import numpy as np
import pandas as pd

KINDS = ("step", "ramp", "spike", "drop")


def inject(future: pd.Series, history: pd.Series, seed: int) -> tuple[pd.Series, np.ndarray]:
    """(series with three anomalies of random kinds, bool (n,) where they are).

    Sizes are four to eight robust standard deviations of the history's day-to-day changes.
    """
    rng = np.random.default_rng([seed, 31])
    values, labels = future.to_numpy(float).copy(), np.zeros(len(future), bool)
    scale = 1.4826 * float(np.median(np.abs(history - history.median()))) or float(history.std())
    slot = len(values) // 3
    for number in range(3):
        length = max(1, int(rng.integers(max(1, slot // 12), max(2, slot // 4))))
        start = number * slot + int(rng.integers(0, max(1, slot - length)))
        stretch = slice(start, start + length)
        kind = KINDS[rng.integers(len(KINDS))]
        values[stretch] = _spoil(values[stretch], kind, scale * rng.uniform(4, 8))
        labels[stretch] = True
    return pd.Series(values, index=future.index), labels


def _spoil(values: np.ndarray, kind: str, size: float) -> np.ndarray:
    if kind == "step":
        return values + size
    if kind == "ramp":
        return values + size * np.linspace(0.2, 1, len(values))
    if kind == "spike":
        bump = np.zeros(len(values))
        bump[len(values) // 2] = 1.5 * size
        return values + bump
    return np.zeros(len(values))
