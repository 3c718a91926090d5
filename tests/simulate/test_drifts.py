"""Simulated drifts: seeded, and true to their labels."""

import numpy as np
import pytest

from vigil.simulate.drifts import DAY_STEPS, HISTORY_DAYS, KINDS, simulate_drift


@pytest.mark.parametrize("kind", KINDS)
def test_the_history_is_calm_and_the_seed_decides(kind):
    """Nothing breaks before the drift begins; the same seed gives the same series."""
    for seed in range(5):
        drift = simulate_drift(kind, seed)
        np.testing.assert_array_equal(drift.value, simulate_drift(kind, seed).value)
        assert drift.begin_step >= HISTORY_DAYS * DAY_STEPS
        assert drift.breach_step is None or drift.breach_step > drift.begin_step


def test_drifts_mostly_break_and_steady_series_never():
    """Of ramps one in five is mended; growth needs days, and not each one gets there."""
    broken = {
        kind: np.mean([simulate_drift(kind, seed).breach_step is not None for seed in range(40)])
        for kind in KINDS
    }
    assert 0.6 < broken["ramp"] < 0.95
    assert broken["leak"] > 0.6
    assert broken["growth"] > 0.4
    assert broken["steady"] == 0
