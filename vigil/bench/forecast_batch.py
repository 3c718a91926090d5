"""Ten thousand series in one batch: time and memory, with a library on a sample of the same."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from vigil.bench.memory import watched_memory
from vigil.forecast.batch import forecast_batch

WEEKS, STEP_S, DAY_STEPS = 4, 3_600.0, 24
# 1970-01-05, so that the simulated weekend is the calendar's.
MONDAY_S = 4 * 86_400.0
SAMPLE = 100


def simulated_panel(series: int, seed: int = 0) -> np.ndarray:
    """Hourly rates with day, week, growth and autocorrelated noise, float64 (s, n)."""
    rng = np.random.default_rng([seed, 8])
    hour = np.arange(WEEKS * 7 * DAY_STEPS)
    size = rng.lognormal(3, 1.5, (series, 1))
    day = 1 + rng.uniform(0.1, 0.8, (series, 1)) * np.sin(
        2 * np.pi * (hour + rng.uniform(0, 24, (series, 1))) / DAY_STEPS
    )
    weekend = 1 - rng.uniform(0, 0.5, (series, 1)) * ((hour // DAY_STEPS) % 7 >= 5)
    growth = 1 + rng.normal(0, 0.1, (series, 1)) * hour / len(hour)
    noise = rng.normal(0, 1, (series, len(hour)))
    for step in range(1, len(hour)):
        noise[:, step] += 0.6 * noise[:, step - 1]
    return np.maximum(size * (day * weekend * growth + 0.1 * noise), 0)


def bench_batch(
    series: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, Any]:
    """Seconds and memory of one batch a day ahead; AutoETS of statsforecast on 100 of them."""
    from statsforecast.models import AutoETS

    value = simulated_panel(series)
    with watched_memory() as peak_mib:
        began = time.process_time()
        history = value[:, :-DAY_STEPS]
        mean, _ = forecast_batch(history, MONDAY_S, STEP_S, DAY_STEPS, progress=progress)
        seconds = time.process_time() - began
        memory_mib = peak_mib()
    sample = slice(0, min(SAMPLE, series))
    began = time.process_time()
    model = AutoETS(season_length=DAY_STEPS)
    peer = np.stack([
        model.forecast(row, DAY_STEPS)["mean"] for row in value[sample, :-DAY_STEPS]
    ])  # fmt: skip
    peer_seconds = time.process_time() - began
    actual = value[:, -DAY_STEPS:]
    naive = np.abs(value[sample, -2 * DAY_STEPS : -DAY_STEPS] - actual[sample]).mean(axis=1)
    return {
        "series": series,
        "steps": value.shape[1] - DAY_STEPS,
        "cpu_s": round(seconds, 1),
        "cpu_s_per_1000": round(1000 * seconds / series, 2),
        "input_mib": round(value.nbytes / 2**20),
        "memory_above_input_mib": round(memory_mib),
        "relative_error": round(
            float(np.abs(mean[sample] - actual[sample]).mean(axis=1).sum() / naive.sum()), 3
        ),
        "auto_ets_cpu_s_per_1000": round(1000 * peer_seconds / len(peer), 1),
        "auto_ets_relative_error": round(
            float(np.abs(peer - actual[sample]).mean(axis=1).sum() / naive.sum()), 3
        ),
    }
