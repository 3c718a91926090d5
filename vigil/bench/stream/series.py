"""What many series cost: scoring one closed window of each, and the memory they take."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from vigil.detect import DetectorSettings, MetricKind, Observations, OnlineDetector

STEP_S = 10.0
START_S = 1_772_400_000.0
WARM_WINDOWS = 40
KINDS = (MetricKind.RATE, MetricKind.RATIO, MetricKind.LATENCY)


def _window(number: int, series: int, rng: np.random.Generator) -> Observations:
    """One value of each series, a third of each kind."""
    kind = np.resize(np.array(KINDS, np.int8), series)
    value = rng.lognormal(3.0, 0.2, series)
    value[kind == MetricKind.RATIO] = rng.binomial(500, 0.01, int((kind == 1).sum())) / 500
    return Observations(
        series_id=np.arange(series),
        time_s=np.full(series, START_S + number * STEP_S),
        value=value,
        weight=np.full(series, 500.0),
        kind=kind,
    )


def measure_scoring(series: int, rounds: int, tick: Callable[[], None]) -> dict[str, Any]:
    """Milliseconds for one closed window of each series, and for a numpy pass over its arrays."""
    rng = np.random.default_rng(7)
    detector = OnlineDetector(DetectorSettings())
    for number in range(WARM_WINDOWS):
        detector.update(_window(number, series, rng))
    scored, passed = [], []
    for number in range(rounds):
        window = _window(WARM_WINDOWS + number, series, rng)
        began = time.perf_counter()
        detector.update(window)
        scored.append(time.perf_counter() - began)
        arrays = list(detector.state().values())
        began = time.perf_counter()
        for array in arrays:
            array.sum()
        passed.append(time.perf_counter() - began)
        tick()
    return {
        "series": series,
        "scoring_ms": round(1e3 * median(scored), 2),
        "numpy_pass_ms": round(1e3 * median(passed), 2),
    }


def measure_state(series: int) -> dict[str, Any]:
    """Bytes of detector state for each series, all arrays together."""
    rng = np.random.default_rng(7)
    detector = OnlineDetector(DetectorSettings())
    detector.update(_window(0, series, rng))
    state_bytes = sum(array.nbytes for array in detector.state().values())
    return {"series": series, "state_bytes_per_series": round(state_bytes / series)}
