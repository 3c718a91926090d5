"""Any times and values become a regular series without gaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.errors import UsageError
from vigil.forecast.regular import regular, usual_step_s

TIMES = st.lists(st.integers(0, 10_000), min_size=1, max_size=60)


@given(times=TIMES, holes=st.sets(st.integers(0, 59)))
def test_the_grid_ends_with_the_last_row_and_has_no_gap(times, holes):
    """Order, duplicates and missing values do not matter; measured steps keep their mean."""
    time_s = 60.0 * np.array(times)
    value = np.arange(1.0, len(times) + 1)
    value[[hole for hole in holes if hole < len(value)]] = np.nan
    value[0] = 7.0
    series = regular(time_s, value)
    assert np.isfinite(series.value).all()
    assert series.end_s - series.step_s == pytest.approx(time_s.max())
    assert series.measured.any()
    known = np.isfinite(value)
    assert series.value.min() >= value[known].min() - 1e-9
    assert series.value.max() <= value[known].max() + 1e-9


def test_duplicates_are_averaged_and_short_gaps_bridged():
    """Two values of one instant count as their mean; a missing step lies on the line."""
    series = regular(np.array([0.0, 60, 60, 180, 240]), np.array([1.0, 2, 4, 5, 6]))
    assert series.step_s == 60
    np.testing.assert_allclose(series.value, [1, 3, 4, 5, 6])
    assert series.measured.tolist() == [True, True, False, True, True]


def test_a_long_gap_repeats_the_day_before():
    """Half a missing day is no straight line where days are alike."""
    day = np.sin(np.arange(24) / 24 * 2 * np.pi)
    value = np.tile(day, 4)
    value[60:80] = np.nan
    series = regular(3600.0 * np.arange(96), value)
    np.testing.assert_allclose(series.value, np.tile(day, 4), atol=1e-12)


def test_a_long_gap_of_the_second_day_is_a_line():
    """A day that was not met twice is no example: the end of a ramp does not fall back."""
    value = np.arange(30.0)
    value[26:] = np.nan
    value = np.concatenate([value, np.full(12, np.nan)])
    series = regular(3600.0 * np.arange(42), value)
    np.testing.assert_allclose(series.value[26:], 25.0)


def test_the_step_is_the_commonest_distance():
    """Gaps and jitter do not change it; one instant has no distance, so a minute is assumed."""
    assert usual_step_s(np.array([0.0, 300, 600, 900, 7200, 7500])) == 300
    assert usual_step_s(np.array([5.0])) == 60


@pytest.mark.parametrize("jitter_s", [1.0, 10.0, 60.0])
def test_a_step_is_found_in_times_that_all_jitter(jitter_s):
    """Probes that start a little late each time still have a day of 288 steps."""
    late_s = np.random.default_rng(0).uniform(0, jitter_s, 900)
    assert usual_step_s(300.0 * np.arange(900) + late_s) == 300


def test_times_without_any_step_have_a_middling_one():
    """Requests that come by chance are not cut into steps of the shortest distance."""
    time_s = np.random.default_rng(0).exponential(300, 600).cumsum()
    assert 100 < usual_step_s(time_s) < 400


def test_a_value_that_nothing_can_be_reckoned_with_is_refused():
    """The message names the value and the range."""
    with pytest.raises(UsageError, match=r"must be <= 1e\+100, got 1e\+308"):
        regular(np.array([0.0, 60]), np.array([1.0, -1e308]))


def test_libraries_take_it_with_its_frequency():
    """Beginnings of it too, as forecasts of past moments need them."""
    series = regular(np.array([0.0, 600, 1200, 1800]), np.arange(4.0)).to_pandas()
    assert series.tolist() == [0, 1, 2, 3]
    assert str(series.index[-1]) == "1970-01-01 00:30:00"
    assert series.iloc[:2].index.freq.nanos == 600e9
