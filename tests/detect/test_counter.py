"""Running totals are judged by their rate; what only looks like one is judged as it is."""

import numpy as np

from vigil.detect.series import detect_series

MINUTE_S, MONDAY_S = 60.0, 4 * 86_400.0


def total_of(rate: np.ndarray) -> np.ndarray:
    """Its running total."""
    return np.cumsum(rate).astype(float)


def test_a_counter_is_expected_to_go_on_as_fast_as_ever():
    """The expected value is the next total, by rate and elapsed time, also over unequal steps."""
    rng = np.random.default_rng(0)
    elapsed_s = rng.choice([30.0, 60.0, 120.0], 800)
    value = total_of(5 * elapsed_s + rng.normal(0, 2, 800))
    found = detect_series(np.cumsum(elapsed_s), value)
    np.testing.assert_allclose(found.expected[300:], value[300:], rtol=0, atol=60)
    assert not found.flagged.any()


def test_a_reset_is_neither_an_alarm_nor_learnt():
    """The rate across it is not known."""
    rate = np.random.default_rng(1).poisson(50, 1_000)
    value = total_of(rate)
    value[600:] -= value[599]
    found = detect_series(np.arange(1_000) * MINUTE_S, value)
    assert not found.flagged.any()
    assert found.score[600] == 0


def test_a_counter_that_runs_away_is_flagged():
    """Ten times as fast as ever."""
    rate = np.random.default_rng(2).poisson(50, 1_000)
    rate[800:805] *= 10
    found = detect_series(np.arange(1_000) * MINUTE_S, total_of(rate))
    assert found.flagged[800:805].all()
    assert not found.flagged[:800].any()


def test_a_slow_season_is_no_counter():
    """A smooth rise ends; from then on its level is judged, and a drop is an incident."""
    step = np.arange(4_000)
    value = 100 + 50 * np.sin(2 * np.pi * step / 1_440)
    value[3_500:3_510] = 20
    found = detect_series(MONDAY_S + step * MINUTE_S, value)
    assert found.flagged[3_500:3_510].any()
    assert not found.flagged[2_000:3_500].any()
