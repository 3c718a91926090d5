"""When a limit will be reached: growth of the daily peaks, with its doubt."""

from dataclasses import dataclass

import numpy as np

from vigil.errors import UsageError
from vigil.forecast.breach import Threshold, first_breach
from vigil.forecast.regular import RegularSeries
from vigil.forecast.trend import fit_trend, simulate_paths

LEAST_DAYS = 14
# A peak is what a day exceeds in one percent of its steps: a single spike needs no machine.
PEAK_LEVEL = 0.99
PATHS = 1_000


@dataclass(frozen=True, slots=True)
class Saturation:
    """Daily peaks against a limit.

    peak: the last week's highest daily peak, under the scenario. peak_growth, mean_growth: expected
    change a day of the daily peaks (with the season of the day) and of the daily means (without).
    days: quantiles 10, 50 and 90 % of the days until the peak reaches the limit, counted over all
    futures; inf beyond the horizon. probability: that it does within the horizon. headroom: share
    of the limit that the peak leaves free, negative when it is passed.
    """

    peak: float
    peak_growth: float
    mean_growth: float
    days: tuple[float, float, float]
    probability: float
    headroom: float


def saturation(
    series: RegularSeries, limit: float, horizon_days: int, times: float = 1.0, seed: int = 0
) -> Saturation:
    """When `times` the series reaches `limit`, within `horizon_days`.

    Raises UsageError for less than 14 whole days or a step that does not divide the day.
    """
    day = series.day_steps
    days = len(series.value) // day if day else 0
    if not day or days < LEAST_DAYS:
        raise UsageError(f"history must be at least {LEAST_DAYS} whole days, got {days}")
    whole = times * series.value[len(series.value) - days * day :].reshape(days, day)
    peaks = np.quantile(whole, PEAK_LEVEL, axis=1)
    week = 7 if days >= 2 * 7 else None
    trend = fit_trend(peaks, week, horizon_days)
    futures = simulate_paths(trend, PATHS, seed)
    at = first_breach(futures, Threshold(limit, persist_steps=1)).astype(float) + 1
    at[at > horizon_days] = np.inf
    if peaks[-7:].max() >= limit:
        at[:] = 0.0
    quantiles = np.quantile(at, (0.1, 0.5, 0.9), method="inverted_cdf")
    means = fit_trend(whole.mean(axis=1), week, 1)
    peak = float(peaks[-7:].max())
    return Saturation(
        peak=peak,
        peak_growth=trend.expected_slope,
        mean_growth=means.expected_slope,
        days=(float(quantiles[0]), float(quantiles[1]), float(quantiles[2])),
        probability=float(np.isfinite(at).mean()),
        headroom=1 - peak / limit,
    )


def failover_times(regions: int) -> float:
    """How many times its traffic each region carries when one of `regions` equal ones is lost.

    >>> failover_times(3)
    1.5
    """
    if regions < 2:
        raise UsageError(f"regions must be at least 2 for one to fail over, got {regions}")
    return regions / (regions - 1)
