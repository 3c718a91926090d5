"""Error budgets and the alerts on how fast they burn.

Source: Beyer et al., "The Site Reliability Workbook", O'Reilly 2018, chapter 5, "Alerting on SLOs",
method 6: multiwindow, multi-burn-rate alerts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vigil.forecast.trend import fit_trend, simulate_paths

HOUR_S, DAY_S = 3_600, 86_400
# The short window proves that the budget is still being spent.
SHORT_SHARE = 12


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """Fires while the burn rate is at least `factor` over both windows."""

    severity: str
    long_s: int
    short_s: int
    factor: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Good and all requests in n equal steps, oldest first: float64 (n,), and a step's seconds."""

    good: np.ndarray
    total: np.ndarray
    step_s: float


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """The state of an objective at the end of its counts.

    share_good: NaN without requests. budget_left: share of the error budget, negative when
    overspent. burn_rates: window in seconds → how many times faster than allowed it burns, NaN
    without requests. firing: the alerts that hold now. exhausted_in_s: when the budget is gone at
    the rate of the last hour; inf when it does not shrink, 0 when it is gone.
    """

    share_good: float
    budget_left: float
    burn_rates: dict[int, float]
    firing: tuple[BurnAlert, ...]
    exhausted_in_s: float


def burn_alerts(window_s: int) -> tuple[BurnAlert, ...]:
    """The workbook's alerts for a window: 2 % of the budget in 1 h, 5 % in 6 h, 10 % in 3 days.

    >>> [round(alert.factor, 2) for alert in burn_alerts(30 * 86_400)]
    [14.4, 6.0, 1.0]
    """
    spent = (("page", 0.02, 1), ("page", 0.05, 6), ("ticket", 0.10, 72))
    return tuple(
        BurnAlert(severity, hours * HOUR_S, hours * HOUR_S // SHORT_SHARE,
                  share * window_s / (hours * HOUR_S))
        for severity, share, hours in spent
        if hours * HOUR_S < window_s
    )  # fmt: skip


def burn_rate(counts: Counts, target: float, window_s: float) -> float:
    """Error ratio over the last `window_s` divided by the allowed one; NaN without requests."""
    steps = max(1, round(window_s / counts.step_s))
    total = counts.total[-steps:].sum()
    if total == 0:
        return float("nan")
    return float((total - counts.good[-steps:].sum()) / total / (1 - target))


def budget_status(
    counts: Counts, target: float, window_s: int, alerts: Sequence[BurnAlert] | None = None
) -> BudgetStatus:
    """Budget, burn rates and alerts of an objective; counts older than the window are ignored."""
    steps = max(1, round(window_s / counts.step_s))
    good, total = counts.good[-steps:].sum(), counts.total[-steps:].sum()
    alerts = burn_alerts(window_s) if alerts is None else alerts
    windows = sorted({s for alert in alerts for s in (alert.short_s, alert.long_s)} | {HOUR_S})
    rates = {window: burn_rate(counts, target, window) for window in windows}
    firing = tuple(
        alert for alert in alerts
        if rates[alert.long_s] >= alert.factor and rates[alert.short_s] >= alert.factor
    )  # fmt: skip
    if total == 0:
        return BudgetStatus(float("nan"), 1.0, rates, firing, float("inf"))
    left = 1 - float((total - good) / total) / (1 - target)
    return BudgetStatus(float(good / total), left, rates, firing, _exhausted(left, rates, window_s))


def _exhausted(left: float, rates: dict[int, float], window_s: int) -> float:
    if left <= 0:
        return 0.0
    rate = rates[HOUR_S]
    return left * window_s / rate if rate > 0 else float("inf")


def exhaustion_probability(
    counts: Counts, target: float, window_s: int, steps: int, paths: int = 500
) -> np.ndarray:
    """Chance that the budget is gone within 1, 2, … `steps` steps, float (steps,).

    The bad requests of each step are drawn from simulated futures (`forecast.trend`), the requests
    are their mean over the last day; old steps leave the rolling window as new ones come.
    """
    length = max(1, round(window_s / counts.step_s))
    total, bad = counts.total[-length:], (counts.total - counts.good)[-length:]
    future = np.maximum(simulate_paths(fit_trend(bad, None, steps), paths), 0.0)
    day = max(1, round(DAY_S / counts.step_s))
    coming = np.full(steps, total[-day:].mean())
    until = len(bad) + np.arange(1, steps + 1)
    since = np.maximum(until - length, 0)
    spent = _sums(np.concatenate([np.broadcast_to(bad, (paths, len(bad))), future], axis=1))
    asked = _sums(np.concatenate([total, coming])[None, :])
    allowed = (1 - target) * (asked[:, until] - asked[:, since])
    gone = np.maximum.accumulate(spent[:, until] - spent[:, since] > allowed, axis=1)
    return gone.mean(axis=0)


def _sums(rows: np.ndarray) -> np.ndarray:
    """Running sums of each row, from zero."""
    return np.concatenate([np.zeros((len(rows), 1)), np.cumsum(rows, axis=1)], axis=1)
