"""Breach forecasts: certain where it is certain, doubtful where it is not, honest in between."""

import numpy as np
import pytest

from vigil.errors import UsageError
from vigil.forecast.breach import Threshold, first_breach, forecast_breach
from vigil.forecast.trend import fit_trend, simulate_paths

DAY = 288


def noisy(n: int, seed: int = 1, memory: float = 0.5) -> np.ndarray:
    """Autoregressive noise of unit variance around 100."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=n) * np.sqrt(1 - memory**2)
    for step in range(1, n):
        noise[step] += memory * noise[step - 1]
    return 100 + noise


def test_a_breach_is_a_run_and_not_a_single_step():
    """Two steps beyond are none where three are asked for; the last of the run is its time."""
    rows = np.array([[9.0, 9, 1, 9, 9, 9, 9], [9, 9, 1, 9, 9, 1, 9]])
    assert first_breach(rows, Threshold(5)).tolist() == [5, 7]
    assert first_breach(-rows, Threshold(-5, above=False)).tolist() == [5, 7]


def test_a_ramp_towards_the_threshold_is_foreseen_with_its_time():
    """+1 every 4 steps since 60 steps, 10 to go: about 40 steps, unless the drift ends."""
    value = noisy(5 * DAY)
    value[-60:] += np.arange(60) / 4
    found = forecast_breach(value, DAY, Threshold(125.0), 80)
    assert found.within > 0.75
    assert 30 < found.steps_to_breach[1] < 50
    assert found.drift_probability > 0.99
    assert "drifts by +3" in found.reason(Threshold(125.0), 300.0, float(value[-1]))


def test_noise_far_below_the_threshold_breaks_nothing():
    """No drift is invented."""
    found = forecast_breach(noisy(5 * DAY), DAY, Threshold(125.0), 80)
    assert found.within < 0.02
    assert found.drift_probability < 0.5


def test_the_probability_never_falls_with_the_horizon():
    """Whatever broke within an hour broke within two."""
    found = forecast_breach(noisy(DAY), None, Threshold(101.0), 50)
    assert (np.diff(found.probability) >= 0).all()
    assert 0 < found.within <= 1


def test_paths_keep_the_autocorrelation_of_the_noise():
    """Runs beyond a threshold depend on it."""
    value = noisy(10 * DAY, memory=0.8)
    trend = fit_trend(value, None, 200)
    paths = simulate_paths(trend, 400) - 100
    assert trend.memory == pytest.approx(0.8, abs=0.05)
    late = paths[:, 50:]
    echo = (late[:, 1:] * late[:, :-1]).mean() / (late**2).mean()
    assert echo == pytest.approx(0.8, abs=0.1)
    assert late.std() == pytest.approx(1.0, abs=0.2)


def test_the_usual_peak_of_the_day_is_no_drift():
    """A morning rise that comes every day goes on to its usual peak, not beyond."""
    step = np.arange(7 * DAY + DAY // 8)
    value = noisy(len(step)) * (1 + 0.4 * np.sin(2 * np.pi * step / DAY))
    found = forecast_breach(value, DAY, Threshold(170.0), DAY // 2)
    assert found.within < 0.1


@pytest.mark.parametrize(("length", "steps", "rule"), [(10, 48, "24 steps"), (100, 2, "3 steps")])
def test_too_little_history_or_horizon_is_refused(length, steps, rule):
    """With the rule."""
    with pytest.raises(UsageError, match=rule):
        forecast_breach(np.ones(length), None, Threshold(2.0), steps)


def test_series_without_noise_are_decided():
    """A constant never breaks; a clean line does, unless it ends before."""
    assert forecast_breach(np.ones(50), None, Threshold(60.0), 48).within == 0
    found = forecast_breach(np.arange(50.0), None, Threshold(60.0), 48)
    assert found.within > 0.9
    assert 13 <= found.steps_to_breach[1] <= 14
