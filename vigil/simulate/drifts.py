"""Slow ways to break an objective: latency ramps, leaks, growth, and what only looks like them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vigil.forecast.breach import Threshold, first_breach

DriftKind = Literal["ramp", "leak", "growth", "steady"]
KINDS: tuple[DriftKind, ...] = ("ramp", "leak", "growth", "steady")
# One ramp of so many is mended before it breaks anything: nobody can foresee that.
MENDED_EVERY = 5
STEP_S = 300.0
DAY_STEPS = 288
HISTORY_DAYS = 7
LENGTH_DAYS = 10


@dataclass(frozen=True, slots=True)
class DriftSeries:
    """A series of ten days in steps of five minutes; drifts begin after the seventh.

    breach_step: where the threshold first breaks for good, None where it never does.
    """

    kind: DriftKind
    value: np.ndarray
    threshold: Threshold
    begin_step: int
    breach_step: int | None


def simulate_drift(kind: DriftKind, seed: int) -> DriftSeries:
    """The same series for the same seed.

    ramp: rises in 3 to 24 hours to 1.2 to 2 times the way to the threshold; one of five is mended
    at 30 to 70 % of the way. leak: rises from the start of a process, which
    was restarted now and then before. growth: daily peaks rise over days. steady: nothing happens.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind), 5])
    n = LENGTH_DAYS * DAY_STEPS
    step = np.arange(n)
    begin = int(rng.integers(HISTORY_DAYS * DAY_STEPS, (HISTORY_DAYS + 1) * DAY_STEPS))
    base = rng.lognormal(4, 0.7)
    swing = rng.uniform(0.05, 0.3) if kind != "leak" else 0.02
    wave = np.sin(2 * np.pi * (step / DAY_STEPS + rng.uniform()))
    noise = _noise(rng, n, rng.uniform(0.3, 0.8)) * rng.uniform(0.02, 0.05) * base
    usual = base * (1 + swing * wave) + noise
    limit = base * (1 + swing + rng.uniform(0.4, 1.0))
    way = limit - base
    value = usual + _drift(kind, rng, step, begin, way, usual)
    threshold = Threshold(limit)
    at = int(first_breach(value[None], threshold)[0])
    return DriftSeries(kind, value, threshold, begin, at if at < n else None)


def _drift(
    kind: DriftKind, rng: np.random.Generator, step: np.ndarray, begin: int, way: float,
    usual: np.ndarray,
) -> np.ndarray:  # fmt: skip
    since = np.maximum(step - begin, 0)
    if kind == "ramp":
        length = rng.uniform(36, 288)
        risen = np.minimum(since / length, 1.0) * rng.uniform(1.2, 2.0)
        if rng.integers(MENDED_EVERY) == 0:
            mended = np.flatnonzero(risen > rng.uniform(0.3, 0.7))[0]
            risen[mended:] *= np.exp(-np.arange(len(step) - mended) / 6)
        return way * risen
    if kind == "leak":
        restarts = np.sort(rng.integers(0, begin, rng.integers(2, 6)))
        started = np.concatenate([[0], restarts, [begin]])
        age = step - started[np.searchsorted(started, step, side="right") - 1]
        # Before the last restart each process was replaced before it mattered.
        mattered = rng.uniform(0.0, 0.3) / age[:begin].max()
        return way * age * np.where(step < begin, mattered, 1.3 / rng.uniform(144, 500))
    if kind == "growth":
        return usual * since / DAY_STEPS * rng.uniform(0.2, 0.5)
    return np.zeros(len(step))


def _noise(rng: np.random.Generator, n: int, memory: float) -> np.ndarray:
    """Autoregressive noise of unit variance with fat tails."""
    from scipy.signal import lfilter

    shocks = rng.standard_t(5, n) / np.sqrt(5 / 3)
    return lfilter([np.sqrt(1 - memory**2)], [1, -memory], shocks)
