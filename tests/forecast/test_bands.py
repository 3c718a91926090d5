"""Bands come from errors: weighted, scaled, widened where few are independent."""

from dataclasses import replace

import numpy as np
import pytest

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


@pytest.mark.parametrize("errors_seen", [8, 12, 30])
def test_bands_of_few_errors_hold_what_they_say(errors_seen):
    """The next value of a normal sample is inside the 80 % band in about four cases of five."""
    rng = np.random.default_rng(4)
    many = 4_000
    error = rng.normal(size=(many, errors_seen))
    ones = np.ones((1, many, errors_seen))
    errors = Errors(error, ones[0], ones, ones[:, :, :1], independent=errors_seen)
    low, _, high = offsets(errors, LEVELS)[:, 0].T
    following = rng.normal(size=many)
    assert ((following >= low) & (following <= high)).mean() == pytest.approx(0.8, abs=0.03)


def test_few_heavy_errors_are_few_errors():
    """Ninety old errors that hardly count do not make the band narrow."""
    rng = np.random.default_rng(5)
    errors = errors_of(rng.normal(size=100), np.ones(100), np.ones(1))
    even = replace(errors, independent=100.0)
    weight = np.where(np.arange(100) < 90, 1e-3, 1.0)[None]
    plain = weighted_quantiles(errors.error, weight, LEVELS)[0]
    wide = offsets(replace(even, weight=weight), LEVELS)[0, 0]
    assert np.ptp(wide) > 1.1 * np.ptp(plain)


def test_few_independent_errors_widen_the_band():
    """A band from one day's errors is wider than one from a hundred days'."""
    errors = errors_of(np.random.default_rng(3).normal(size=100), np.ones(100), np.ones(1))
    one = Errors(errors.error, errors.weight, errors.scale, errors.ahead, independent=1)
    assert np.ptp(offsets(one, LEVELS)) > 1.2 * np.ptp(offsets(errors, LEVELS))
