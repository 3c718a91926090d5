"""How probable it is that a threshold breaks, and when: from simulated futures of the series.

Single steps may cross by noise; a breach is a run of steps beyond the threshold. Quantiles of each
step cannot say how probable a run is, paths can.
"""

from dataclasses import dataclass

import numpy as np

from vigil.errors import UsageError
from vigil.forecast.trend import fit_trend, simulate_paths

PATHS = 500
PERSIST_STEPS = 3
LEAST_STEPS = 24


@dataclass(frozen=True, slots=True)
class Threshold:
    """`value` must not be passed in the direction `above` (or below) for `persist_steps` on end."""

    value: float
    above: bool = True
    persist_steps: int = PERSIST_STEPS


@dataclass(frozen=True, slots=True)
class BreachForecast:
    """probability: float (h,), that the threshold breaks within 1, 2, … h steps; never falls.

    steps_to_breach: quantiles 10, 50 and 90 % of the time to breach among the futures that break
    within the horizon, in steps; NaN where none does. slope: the expected drift a step.
    drift_probability: that there is any drift. drift_steps: how long ago it began, most probably.
    """

    probability: np.ndarray
    steps_to_breach: tuple[float, float, float]
    slope: float
    drift_probability: float
    drift_steps: int

    @property
    def within(self) -> float:
        """Probability of a breach within the whole horizon."""
        return float(self.probability[-1])

    def reason(self, threshold: Threshold, step_s: float, last: float) -> str:
        """A sentence for people."""
        limit = f"{'above' if threshold.above else 'below'} {threshold.value:g}"
        if self.drift_probability < 0.5:
            return f"no drift: {last:.4g} now, only noise may bring it {limit}"
        away = "" if (self.slope > 0) == threshold.above else " and away from it"
        hours = self.drift_steps * step_s / 3_600
        return (
            f"drifts by {self.slope * 3_600 / step_s:+.4g} an hour since {hours:.1f} h{away}: "
            f"{last:.4g} now, {limit} is a breach"
        )


def forecast_breach(
    value: np.ndarray,
    day_steps: int | None,
    threshold: Threshold,
    steps: int,
    paths: int = PATHS,
    seed: int = 0,
) -> BreachForecast:
    """Chances of a breach in the next `steps` steps of float64 (n,) finite values, n >= 24.

    Raises UsageError for a shorter history or horizon. Cost: 5 ms for 3,000 steps and 48 ahead.
    """
    if len(value) < LEAST_STEPS:
        raise UsageError(f"history must be at least {LEAST_STEPS} steps, got {len(value)}")
    if steps < threshold.persist_steps:
        raise UsageError(
            f"horizon must be at least the {threshold.persist_steps} steps that make a breach,"
            f" got {steps}"
        )
    trend = fit_trend(value, day_steps, steps)
    future = simulate_paths(trend, paths, seed)
    # A run may have begun in the history.
    begun = threshold.persist_steps - 1
    tail = np.broadcast_to(value[len(value) - begun :], (paths, begun))
    at = first_breach(np.concatenate([tail, future], axis=1), threshold) - begun
    broken = at < steps
    counts = np.bincount(np.maximum(at[broken], 0), minlength=steps)
    when = np.quantile(at[broken] + 1, (0.1, 0.5, 0.9)) if broken.any() else np.full(3, np.nan)
    drifting = trend.weight.copy()
    drifting[trend.hinge == 0] = 0.0
    return BreachForecast(
        probability=np.cumsum(counts) / paths,
        steps_to_breach=(float(when[0]), float(when[1]), float(when[2])),
        slope=trend.expected_slope,
        drift_probability=float(drifting.sum()),
        drift_steps=int(trend.hinge[drifting.argmax()]),
    )


def first_breach(values: np.ndarray, threshold: Threshold) -> np.ndarray:
    """Step at which each row (p, h) has been beyond for `persist_steps`, int (p,); h for never.

    >>> first_breach(np.array([[1.0, 9, 9, 9, 1]]), Threshold(5, persist_steps=2)).tolist()
    [2]
    """
    beyond = values > threshold.value if threshold.above else values < threshold.value
    run = np.lib.stride_tricks.sliding_window_view(beyond, threshold.persist_steps, axis=1)
    whole = np.asarray(run.all(axis=2))
    first = whole.argmax(axis=1) + threshold.persist_steps - 1
    return np.where(whole.any(axis=1), first, values.shape[1])
