"""Seasons come from the calendar and from the series' own echo."""

import numpy as np

from vigil.forecast.seasons import echo_steps, seasons_of


def test_a_period_that_no_calendar_knows_is_found_in_noise():
    """The shortest of the strong echoes, not a multiple of it."""
    rng = np.random.default_rng(1)
    value = np.sin(np.arange(1000) * 2 * np.pi / 37) + 0.3 * rng.normal(size=1000)
    assert echo_steps(value) in (36, 37, 38)


def test_noise_a_ramp_and_a_constant_have_no_season():
    """Nothing is found where nothing repeats."""
    rng = np.random.default_rng(2)
    assert echo_steps(rng.normal(size=2000)) is None
    assert echo_steps(np.arange(2000.0)) is None
    assert echo_steps(np.ones(2000)) is None


def test_day_and_week_count_once_they_were_met_twice():
    """Hourly series: a day from two days on, a week from two weeks on."""
    flat = np.random.default_rng(3).normal(size=24 * 14)
    assert seasons_of(flat[:47], 24) == ()
    assert seasons_of(flat[:48], 24) == (24,)
    assert seasons_of(flat, 24) == (24, 168)
