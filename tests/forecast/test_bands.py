"""Bands come from errors: weighted, scaled, widened where few are independent."""

from dataclasses import replace

import numpy as np
import pytest

from vigil.forecast.bands import Errors, effective_count, offsets, weighted_quantiles

LEVELS = np.array([0.1, 0.5, 0.9])


def errors_of(error: np.ndarray, scale: np.ndarray, ahead: np.ndarray) -> Errors:
    """One series, each error a block of its own."""
    ones = np.ones_like(error)
    return Errors(
        error[None], ones[None], np.stack([ones, scale])[:, None],
        np.stack([np.ones_like(ahead), ahead])[:, None], block=np.arange(len(error)),
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
    errors = Errors(error, ones[0], ones, ones[:, :, :1], block=np.arange(errors_seen))
    low, _, high = offsets(errors, LEVELS)[:, 0].T
    following = rng.normal(size=many)
    assert ((following >= low) & (following <= high)).mean() == pytest.approx(0.8, abs=0.03)


def test_few_heavy_errors_are_few_errors():
    """Ninety old errors that hardly count do not make the band narrow."""
    rng = np.random.default_rng(5)
    even = errors_of(rng.normal(size=100), np.ones(100), np.ones(1))
    weight = np.where(np.arange(100) < 90, 1e-3, 1.0)[None]
    plain = weighted_quantiles(even.error, weight, LEVELS)[0]
    wide = offsets(replace(even, weight=weight), LEVELS)[0, 0]
    assert np.ptp(wide) > 1.1 * np.ptp(plain)


def known(drift: float, blocks: int = 12, size: int = 64) -> float:
    """Effective errors, middle of 200 series: blocks share a part `drift` of their variance."""
    rng = np.random.default_rng(6)
    own = rng.normal(size=(200, blocks, size))
    common = rng.normal(size=(200, blocks, 1))
    error = (np.sqrt(drift) * common + np.sqrt(1 - drift) * own).reshape(200, -1)
    found = effective_count(error, np.ones_like(error), np.repeat(np.arange(blocks), size))
    return float(np.median(found))


def test_errors_of_a_drifting_series_count_once_a_block():
    """They are all alike within it."""
    assert known(drift=1.0) == pytest.approx(12, rel=0.1)


def test_errors_that_have_nothing_in_common_all_count():
    """As far as twelve blocks can show that they have not."""
    assert 60 < known(drift=0.0) <= 12**2
    assert known(drift=0.0, blocks=200, size=4) == pytest.approx(800, rel=0.1)


def test_the_more_neighbours_have_in_common_the_less_they_count():
    """From nothing to everything."""
    counts = [known(drift) for drift in (0.0, 0.1, 0.3, 1.0)]
    assert counts == sorted(counts, reverse=True)


def test_one_block_is_as_good_as_two_errors():
    """Nothing is known of how others differ from it."""
    error = np.random.default_rng(7).normal(size=(1, 50))
    assert effective_count(error, np.ones((1, 50)), np.zeros(50, int)).tolist() == [2.0]


def test_errors_of_few_blocks_widen_the_band():
    """A band from one day's errors is wider than one from as many days'."""
    errors = errors_of(np.random.default_rng(3).normal(size=100), np.ones(100), np.ones(1))
    one = replace(errors, block=np.zeros(100, int))
    assert np.ptp(offsets(one, LEVELS)) > 1.2 * np.ptp(offsets(errors, LEVELS))


@pytest.mark.parametrize("blocks", [6, 12, 30])
@pytest.mark.parametrize("drift", [0.0, 0.5, 0.9])
def test_the_band_holds_however_much_neighbours_have_in_common(drift, blocks):
    """A value of a block to come lies within the 80 % band of those before in about four cases of
    five.
    """
    rng = np.random.default_rng(8)
    many, size = 2_000, 16
    common = np.sqrt(drift) * rng.normal(size=(many, blocks + 1, 1))
    both = common + np.sqrt(1 - drift) * rng.normal(size=(many, blocks + 1, size))
    error, following = both[:, :-1].reshape(many, -1), both[:, -1, 0]
    ones = np.ones((1, many, error.shape[1]))
    errors = Errors(error, ones[0], ones, ones[:, :, :1], np.repeat(np.arange(blocks), size))
    low, _, high = offsets(errors, LEVELS)[:, 0].T
    assert ((following >= low) & (following <= high)).mean() == pytest.approx(0.8, abs=0.03)
