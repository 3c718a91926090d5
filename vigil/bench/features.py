"""`vigil bench features`: features of many series at once, and of one after the other.

Two peers do it as notebooks do, a series at a time, on a sample of the same values in the same
process: pandas makes the same features, and a test holds both equal; Darts' `WindowTransformer`
only the level and the spread.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vigil.bench.circumstances import circumstances
from vigil.bench.memory import watched_memory
from vigil.bench.train import STEP_S, blocks
from vigil.features.frame import LEVEL_STEPS, features_of
from vigil.features.grid import TrainingSeries

Peer = Callable[[pd.Series], Any]


def bench_features(
    series: int, loop_series: int, seed: int, tick: Callable[[int], None] = lambda done: None
) -> dict[str, Any]:
    """Rows a second of Vigil over all series, of each peer over `loop_series` of them."""
    rows, spent_s = 0, 0.0
    with watched_memory() as peak_mib:
        for block in _blocks(series, seed):
            began = time.perf_counter()
            rows += features_of(block).height
            spent_s += time.perf_counter() - began
            tick(len(block))
        peak = peak_mib()
    sample = [item.history for block in _blocks(loop_series, seed) for item in block]
    rates = {"vigil": rows / spent_s}
    for name, peer in PEERS.items():
        rates[name] = _rate(peer, sample, tick)
    return {
        "circumstances": circumstances(),
        "series": series,
        "rows": rows,
        "peak_mib": round(peak),
        **{f"{name}_rows_per_s": round(rate) for name, rate in rates.items()},
        **{f"times_{name}": round(rates["vigil"] / rates[name], 2) for name in PEERS},
    }


def _blocks(series: int, seed: int) -> Iterator[list[TrainingSeries]]:
    number = 0
    for block in blocks(series, seed):
        found = []
        for values in block.astype(float):
            index = pd.date_range("2026-03-02", periods=len(values), freq=f"{STEP_S}s")
            history = pd.Series(values, index=index)
            found.append(TrainingSeries(number, "request_rate", STEP_S, history))
            number += 1
        yield found


def _rate(peer: Peer, sample: Sequence[pd.Series], tick: Callable[[int], None]) -> float:
    # Imports and first-call costs are nobody's time.
    peer(sample[0])
    began = time.perf_counter()
    for history in sample:
        peer(history)
        tick(1)
    return sum(map(len, sample)) / (time.perf_counter() - began)


def by_pandas(value: pd.Series) -> pd.DataFrame:
    """The features of one series on a grid of STEP_S, without its names."""
    times = pd.DatetimeIndex(value.index)
    level = value.rolling(LEVEL_STEPS, min_periods=1).median()
    slot = times.hour * 3600 + times.minute * 60 + times.second
    seasonal = value.groupby(slot).transform("median")
    yesterday = value.shift(86_400 // STEP_S)
    return pd.DataFrame(
        {
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


def by_darts(value: pd.Series) -> np.ndarray:
    """Level and spread of one series, (n, 2)."""
    from darts import TimeSeries
    from darts.dataprocessing.transformers import WindowTransformer

    median = {"function": "median", "mode": "rolling", "window": LEVEL_STEPS, "min_periods": 1}
    windows = WindowTransformer(transforms=median)
    given = TimeSeries.from_series(value)
    level = windows.transform(given).values()
    spread = windows.transform((given - given.with_values(level)).map(np.abs)).values()
    return np.hstack([level, spread])


PEERS: dict[str, Peer] = {"pandas": by_pandas, "darts": by_darts}
