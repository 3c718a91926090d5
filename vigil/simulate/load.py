"""How much traffic each journey has at any moment: daily and weekly season, drift, noise."""

import numpy as np

from vigil.simulate.estate import Journey

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
# 1970-01-01 was a Thursday.
_MONDAY_S = 4 * DAY_S

DRIFT_PER_WEEK = 0.02
NOISE = 0.05


def traffic(journey: Journey, time_s: np.ndarray, seed: int, number: int) -> np.ndarray:
    """Traces/s of the journey relative to a total of 1, at epoch seconds `time_s`.

    A function of time and seed alone, so that any stretch of it can be made on its own.
    """
    hour = (time_s % DAY_S) / 3600
    daily = 1 + journey.swing * np.cos(2 * np.pi * (hour - journey.peak_h) / 24)
    weekday = ((time_s - _MONDAY_S) % WEEK_S) / DAY_S
    weekly = np.where(weekday >= 5, journey.weekend, 1.0)
    drift = 1 + DRIFT_PER_WEEK * (time_s % (52 * WEEK_S)) / WEEK_S / 10
    return journey.share * daily * weekly * drift * _noise(time_s, seed, number)


def _noise(time_s: np.ndarray, seed: int, number: int) -> np.ndarray:
    """Slow fluctuation around 1: waves of 20 minutes to 5 hours with random phases."""
    rng = np.random.default_rng([seed, 11, number])
    periods = rng.uniform(1_200, 18_000, 8)
    phases = rng.uniform(0, 2 * np.pi, 8)
    waves = np.sin(2 * np.pi * time_s[:, None] / periods + phases)
    return 1 + NOISE * waves.mean(axis=1) * np.sqrt(2)
