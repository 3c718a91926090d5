"""Bands come from errors: weighted, scaled, widened where few are independent."""

import numpy as np

from vigil.forecast.bands import Errors, offsets, weighted_quantiles

LEVELS = np.array([0.1, 0.5, 0.9])


def errors_of(error: np.ndarray, scale: np.ndarray, ahead: np.ndarray) -> Errors:
    """One series, much independent evidence."""
    ones = np.ones_like(error)
    return Errors(
        error[None], ones[None], np.stack([ones, scale])[:, None],
        np.stack([np.ones_like(ahead), ahead])[:, None], independent=1e6,
    )  # fmt: skip


def test_heavier_errors_move_the_quantile():
    """A weight of three is three equal errors."""
    value, weight = np.array([[0.0, 10.0]]), np.array([[1.0, 3.0]])
    assert weighted_quantiles(value, weight, np.array([0.5]))[0, 0] == 7.5


def test_the_band_follows_a_scale_that_explains_the_errors():
    """Busy hours get a wide band and quiet ones a narrow one."""
    rng = np.random.default_rng(1)
    scale = rng.choice([1.0, 10.0], size=4000)
    found = offsets(errors_of(rng.normal(size=4000) * scale, scale, np.array([1.0, 10.0])), LEVELS)
    quiet, busy = found[0, :, 2] - found[0, :, 0]
    assert quiet < 7
    assert busy > 4 * quiet


def test_a_scale_that_explains_nothing_is_not_used():
    """The plain band wins unless it is beaten."""
    rng = np.random.default_rng(2)
    noise = errors_of(rng.normal(size=4000), rng.gamma(1, size=4000), np.array([1.0, 50.0]))
    widths = np.ptp(offsets(noise, LEVELS)[0], axis=1)
    assert widths[0] == widths[1]


def test_few_independent_errors_widen_the_band():
    """A band from one day's errors is wider than one from a hundred days'."""
    errors = errors_of(np.random.default_rng(3).normal(size=100), np.ones(100), np.ones(1))
    one = Errors(errors.error, errors.weight, errors.scale, errors.ahead, independent=1)
    assert np.ptp(offsets(one, LEVELS)) > 1.2 * np.ptp(offsets(errors, LEVELS))
