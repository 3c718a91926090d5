"""Saturation dates: growth that is known, and scenarios."""

import numpy as np
import pytest

from vigil.errors import UsageError
from vigil.forecast.capacity import failover_times, saturation
from vigil.forecast.regular import RegularSeries

HOURS = np.arange(28 * 24)


def rates(growth_a_day: float) -> RegularSeries:
    """Four weeks of hours around 100, peaks at 150, growing by so much a day."""
    noise = np.random.default_rng(1).normal(size=len(HOURS))
    level = 100 + growth_a_day * HOURS / 24
    value = level + 50 * np.sin(2 * np.pi * HOURS / 24) + noise
    return RegularSeries.of(value, 0.0, 3_600.0)


def test_linear_growth_reaches_the_limit_when_it_must():
    """Peaks of about 206 after four weeks, two a day: 240 is about 17 days away."""
    found = saturation(rates(2.0), 240.0, 90)
    assert found.peak_growth == pytest.approx(2.0, abs=0.2)
    assert found.mean_growth == pytest.approx(2.0, abs=0.2)
    assert 13 <= found.days[1] <= 21
    assert found.days[0] <= found.days[1] <= found.days[2]
    assert found.probability > 0.6


def test_without_growth_the_limit_holds_unless_traffic_doubles():
    """A headroom of a quarter is no headroom for twice the traffic."""
    calm = saturation(rates(0.0), 200.0, 90)
    assert calm.probability < 0.1
    assert calm.headroom == pytest.approx(0.25, abs=0.03)
    assert np.isinf(calm.days[1])
    doubled = saturation(rates(0.0), 200.0, 90, times=2.0)
    assert doubled.headroom < 0
    assert doubled.days == (0.0, 0.0, 0.0)


def test_a_region_that_fails_over_loads_the_others():
    """Of three equal ones each carries half as much again."""
    assert failover_times(3) == 1.5
    with pytest.raises(UsageError, match="at least 2"):
        failover_times(1)


def test_too_short_a_history_is_refused():
    """Growth over days cannot be seen in one week."""
    with pytest.raises(UsageError, match="14 whole days, got 7"):
        saturation(RegularSeries.of(np.ones(7 * 24), 0.0, 3_600.0), 2.0, 30)
