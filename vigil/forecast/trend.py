"""Where a series is going now: a straight line that began at some recent moment, or none.

The values, divided by what is usual at that time of day, are a level, plus a slope since a hinge,
plus noise that remembers (first-order autoregression). The hinge is unknown: every candidate is
fitted by least squares on the prewhitened values and weighed by its likelihood (BIC), so the spread
of the paths holds the doubt about when the drift began and how steep it is.

Sources: Cochrane and Orcutt, JASA 44, 1949 (prewhitening); Raftery, Sociological Methodology 25,
1995 (BIC weights).
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

# Hinges from this many steps ago, each about this factor further back.
NEAREST_HINGE = 6
HINGE_FACTOR = 1.15
# A drift seen for d steps lasts x more with probability (d / (d + x)) to this power.
LASTING = 0.5
# Steps of history that are looked at.
MOST_STEPS = 4_096
# Chance, before seeing values, that there is no drift at all.
STEADY_PRIOR = 0.5
MOST_MEMORY = 0.98
DAYS_TO_PROFILE = 2
LEAST_FACTOR = 0.05


@dataclass(frozen=True, slots=True)
class Trend:
    """What is known at the end of a history of n steps.

    usual: (ahead,), factor of the time of day. hinge: (k,), steps since each hinge, 0 for none.
    weight: (k,), their probability. level, slope: (k,), fitted, slope a step. covariance:
    (k, 2, 2), their uncertainty. memory: correlation of the noise with the step before.
    shock: (m,), what the noise gets anew each step, as observed. noise: its last value (k,).
    """

    usual: np.ndarray
    hinge: np.ndarray
    weight: np.ndarray
    level: np.ndarray
    slope: np.ndarray
    covariance: np.ndarray
    memory: float
    shock: np.ndarray
    noise: np.ndarray

    @property
    def expected_slope(self) -> float:
        """Mean over the hinges, no drift among them."""
        return float(self.weight @ self.slope)


def fit_trend(value: np.ndarray, day_steps: int | None, ahead: int) -> Trend:
    """The trend of float64 (n,) finite values, n >= 8, with a profile for `ahead` more steps."""
    value = value[-MOST_STEPS:]
    n = len(value)
    usual = _profile(value, day_steps, n + ahead)
    away = value / usual[:n]
    many = int(np.log(n / NEAREST_HINGE) / np.log(HINGE_FACTOR)) + 1
    steps = np.unique((NEAREST_HINGE * HINGE_FACTOR ** np.arange(many)).astype(int))
    hinge = np.concatenate([[0], steps[steps < n], [n]])
    ramp = np.maximum(np.arange(n)[None, :] - (n - 1 - hinge[:, None]), 0.0)
    ramp[0] = 0.0
    memory = 0.0
    # Twice: the memory of the noise is measured on what the best line leaves.
    for _ in range(2):
        level, slope, covariance, misfit = _fit(away, ramp, memory)
        best = int(_log_weight(misfit, n).argmax())
        left = away - level[best] - slope[best] * ramp[best]
        memory = float(np.clip(left[1:] @ left[:-1] / max(left @ left, 1e-300), 0, MOST_MEMORY))
    level, slope, covariance, misfit = _fit(away, ramp, memory)
    weight = np.exp((logs := _log_weight(misfit, n)) - logs.max())
    best = int(weight.argmax())
    left = away[None, :] - level[:, None] - slope[:, None] * ramp
    shock = left[best, 1:] - memory * left[best, :-1]
    return Trend(
        usual[n:], hinge, weight / weight.sum(), level, slope, covariance, memory,
        shock - shock.mean(), left[:, -1],
    )  # fmt: skip


def simulate_paths(trend: Trend, paths: int, seed: int = 0) -> np.ndarray:
    """Possible futures, float64 (paths, ahead): hinge, line, its end and noise are drawn for each.

    What has lasted long lasts longer: the end is drawn as from a scale-free law (Gott, Nature 363,
    1993), so that a slope of some minutes is not drawn out for hours.
    """
    rng = np.random.default_rng([seed, 17])
    ahead = len(trend.usual)
    drawn = rng.choice(len(trend.hinge), size=paths, p=trend.weight)
    root = np.linalg.cholesky(trend.covariance + 1e-18 * np.eye(2))
    error = np.einsum("pij,pj->pi", root[drawn], rng.normal(size=(paths, 2)))
    slope = np.where(trend.hinge[drawn] > 0, trend.slope[drawn] + error[:, 1], 0.0)
    lasted = trend.hinge[drawn]
    lasting = lasted * ((1 - rng.random(paths)) ** (-1 / LASTING) - 1)
    since = lasted[:, None] + np.minimum(np.arange(1, ahead + 1)[None, :], lasting[:, None])
    line = (trend.level[drawn] + error[:, 0])[:, None] + slope[:, None] * since
    shocks = rng.choice(trend.shock, size=(paths, ahead))
    start = (trend.memory * trend.noise[drawn])[:, None]
    noise, _ = lfilter([1.0], [1.0, -trend.memory], shocks, axis=1, zi=start)
    return trend.usual[None, :] * (line + noise)


def _profile(value: np.ndarray, day_steps: int | None, length: int) -> np.ndarray:
    """Factor of each time of day to the day's own level: median over days, smoothed.

    Ones without two days, and for series whose days have no positive level.
    """
    n = len(value)
    if not day_steps or n < DAYS_TO_PROFILE * day_steps:
        return np.ones(length)
    days = n // day_steps
    recent = value[n - days * day_steps :].reshape(days, day_steps)
    if days > DAYS_TO_PROFILE:
        # The last day may hold the drift that is asked for.
        recent = recent[:-1]
    level = np.median(recent, axis=1, keepdims=True)
    if level.min() <= 0:
        return np.ones(length)
    shape = np.maximum(np.median(recent / level, axis=0), LEAST_FACTOR)
    half = max(1, day_steps // 96)
    around = np.concatenate([shape[-half:], shape, shape[:half]])
    smooth = np.convolve(around, np.full(2 * half + 1, 1 / (2 * half + 1)), "valid")
    first = (n - days * day_steps) % day_steps
    return smooth[(np.arange(length) - first) % day_steps]


def _fit(
    away: np.ndarray, ramp: np.ndarray, memory: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(level, slope, covariance, sum of squares) of a line for each ramp (k, n)."""
    target = away[1:] - memory * away[:-1]
    one = np.full(len(target), 1 - memory)
    rise = ramp[:, 1:] - memory * ramp[:, :-1]
    a, b, c = one @ one, rise @ one, (rise * rise).sum(axis=1)
    u, v = one @ target, rise @ target
    steady = c == 0
    det = np.where(steady, 1.0, a * c - b * b)
    slope = np.where(steady, 0.0, (a * v - b * u) / det)
    level = (u - slope * b) / a
    misfit = target @ target - level * u - slope * v
    misfit = np.maximum(misfit, 1e-12 * max(float(target @ target), 1e-12))
    variance = misfit / max(1, len(target) - 3)
    covariance = np.empty((len(ramp), 2, 2))
    covariance[:, 0, 0] = np.where(steady, 1 / a, c / det) * variance
    covariance[:, 1, 1] = np.where(steady, 0.0, a / det) * variance
    covariance[:, 0, 1] = covariance[:, 1, 0] = np.where(steady, 0.0, -b / det) * variance
    return level, slope, covariance, misfit


def _log_weight(misfit: np.ndarray, n: int) -> np.ndarray:
    """Log of the probability of each hinge, up to a constant; the first one is no drift."""
    drifts = len(misfit) - 1
    prior = np.full(len(misfit), np.log((1 - STEADY_PRIOR) / max(1, drifts)))
    prior[0] = np.log(STEADY_PRIOR)
    # BIC: a drift has one more parameter than a level.
    penalty = np.where(np.arange(len(misfit)) > 0, 0.5 * np.log(n), 0.0)
    return prior - 0.5 * (n - 1) * np.log(misfit) - penalty
