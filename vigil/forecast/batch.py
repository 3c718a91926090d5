"""Thousands of series of one clock forecast together, in chunks that fit the memory."""

from collections.abc import Callable, Sequence

import numpy as np

from vigil.forecast.panel import LEVELS, forecast_panel
from vigil.forecast.pool import Panel
from vigil.forecast.regular import RegularSeries
from vigil.forecast.series import days_off

# Numbers that the pool may hold at once; 8 bytes each, and some copies.
POOL_NUMBERS = 12_000_000
MEMBERS = 50
ORIGINS = 60


def forecast_batch(
    value: np.ndarray,
    start_s: float,
    step_s: float,
    steps: int,
    levels: Sequence[float] = LEVELS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[np.ndarray, np.ndarray]:
    """(mean (s, h), quantiles (s, h, q)) of s series, float64 (s, n), NaN where not measured.

    All begin at `start_s` (epoch seconds), have steps of `step_s` and the calendar's seasons. Each
    needs a value and 8 steps. `progress(done, total)` after each chunk.

    Cost: about 5 ms a series of 672 hourly steps and 24 ahead; memory does not grow with s.
    """
    clock = RegularSeries.of(value[0], start_s, step_s)
    day = clock.day_steps or 0
    seasons = tuple(days * day for days in (1, 7) if day and 2 * days * day <= value.shape[1])
    weekend = days_off(clock, steps)
    chunk = max(1, POOL_NUMBERS // (MEMBERS * ORIGINS * min(steps, 48)))
    means, quantiles = [], []
    for first in range(0, len(value), chunk):
        rows = value[first : first + chunk]
        filled = np.stack([RegularSeries.of(row, start_s, step_s).value for row in rows])
        found = forecast_panel(
            Panel(filled, seasons, weekend), ~np.isnan(rows), steps, levels, ORIGINS
        )
        means.append(found.mean)
        quantiles.append(found.quantile)
        progress(first + len(rows), len(value))
    return np.concatenate(means), np.concatenate(quantiles)
