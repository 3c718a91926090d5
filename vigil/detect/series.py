"""One series scored from its past: what `vigil detect` and the benchmarks run."""

from dataclasses import replace

import numpy as np

from vigil.detect.calendar import Calendar
from vigil.detect.online import (
    Decisions,
    DetectorSettings,
    MetricKind,
    Observations,
    OnlineDetector,
)


def detect_series(
    time_s: np.ndarray,
    value: np.ndarray,
    settings: DetectorSettings | None = None,
    calendar: Calendar | None = None,
) -> Decisions:
    """Decisions in row order for float64 (n,) times and values, in any order, NaN allowed.

    Each row is decided from rows of earlier times (and earlier rows of the same time) only.
    `calendar` says whose clock and free days the season follows; None: UTC, Saturday and Sunday.
    """
    settings = settings or DetectorSettings()
    if calendar:
        settings = replace(settings, calendars=(calendar,))
    order = np.argsort(time_s, kind="stable")
    n = len(order)
    decisions = OnlineDetector(settings).update(
        Observations(
            series_id=np.zeros(n, np.int64),
            time_s=time_s[order],
            value=value[order],
            weight=np.ones(n),
            kind=np.full(n, MetricKind.GENERIC, np.int8),
            calendar=np.full(n, 1, np.int8) if calendar else None,
        )
    )
    back = np.argsort(order, kind="stable")
    return Decisions(**{name: getattr(decisions, name)[back] for name in Decisions.__slots__})
