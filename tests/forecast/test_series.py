"""What `vigil forecast` promises for one series of any kind."""

from datetime import UTC, datetime

import numpy as np
import pytest

from vigil.errors import UsageError
from vigil.forecast.holidays import public_holidays
from vigil.forecast.series import forecast_series

HOUR_S = 3600.0


def hourly(days: int, seed: int = 1, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """(time_s, value) of a daily season with noise."""
    steps = np.arange(24 * days)
    wave = 20 + 8 * np.sin(steps * 2 * np.pi / 24)
    return steps * HOUR_S, wave + noise * np.random.default_rng(seed).normal(size=len(steps))


def test_a_season_in_noise_is_forecast_better_than_by_the_day_before():
    """The mixture averages the noise of single days: the error falls to about sqrt(8/14)."""
    errors = []
    for seed in range(20):
        time_s, value = hourly(21, seed)
        future, past = value[-24:], value[:-24]
        found = forecast_series(time_s[:-24], past, 24)
        errors.append((np.abs(found.mean - future).mean(), np.abs(past[-24:] - future).mean()))
    ours, naive = np.mean(errors, axis=0)
    assert ours < 0.85 * naive


def test_eighty_percent_bands_hold_four_values_of_five():
    """Over 40 series with noise, at the horizons of a day."""
    inside = []
    for seed in range(40):
        time_s, value = hourly(15, seed)
        found = forecast_series(time_s[:-24], value[:-24], 24)
        inside.append((value[-24:] >= found.quantile[:, 0]) & (value[-24:] <= found.quantile[:, 2]))
    assert 0.77 <= np.mean(inside) <= 0.85


def test_the_band_grows_with_the_horizon_of_a_random_walk():
    """Nobody knows where it goes, and the band says so."""
    value = np.cumsum(np.random.default_rng(4).normal(size=2000)) + 1000
    found = forecast_series(60.0 * np.arange(2000), value, 60)
    width = found.quantile[:, 2] - found.quantile[:, 0]
    assert width[-1] > 4 * width[0]


def test_a_straight_line_goes_on():
    """No member draws it out, but all are late by as much as ever, and the mean makes up for it."""
    found = forecast_series(60.0 * np.arange(300), np.arange(300.0), 24)
    assert (found.mean >= found.quantile[:, 0]).all()
    np.testing.assert_allclose(found.mean, np.arange(300, 324), atol=3)


def test_what_comes_on_average_is_said_where_most_values_are_zero():
    """The nearest forecast of most steps is zero, which is not what comes."""
    value = 3.0 * (np.random.default_rng(5).random(2000) < 0.1)
    found = forecast_series(3600.0 * np.arange(2000), value, 24)
    assert any(f"on average {value.mean():.3g}" in note for note in found.notes)


def test_a_constant_stays_and_is_certain():
    """No division by a spread of zero."""
    found = forecast_series(60.0 * np.arange(100), np.full(100, 5.0), 10)
    np.testing.assert_allclose(found.mean, 5.0)
    np.testing.assert_allclose(found.quantile, 5.0, atol=1e-6)


def test_what_was_never_negative_is_not_forecast_negative():
    """A rate that falls to zero stays there."""
    value = np.maximum(np.linspace(100, 0, 500), 0)
    found = forecast_series(60.0 * np.arange(500), value, 300)
    assert found.mean.min() >= 0
    assert found.quantile.min() >= 0


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 20])
def test_a_short_history_has_a_forecast_and_a_reason(length):
    """Steps, order of quantiles and finiteness hold from the first value on."""
    value = 10 + np.random.default_rng(length).normal(size=length)
    found = forecast_series(60.0 * np.arange(length), value, 30)
    assert found.time_s.tolist() == [60.0 * (length + step) for step in range(30)]
    assert np.isfinite(found.mean).all()
    assert (np.diff(found.quantile, axis=1) >= 0).all()
    assert any("steps of history are too few" in n or "no season" in n for n in found.notes)


def test_gaps_are_filled_and_said():
    """A file with holes is forecast as if they were not there."""
    time_s, value = hourly(20, noise=0.0)
    value[100:130] = np.nan
    found = forecast_series(time_s, value, 24)
    np.testing.assert_allclose(found.mean, hourly(21, noise=0.0)[1][-24:], atol=0.1)
    assert any("were filled" in note for note in found.notes)


@pytest.mark.parametrize(("steps", "rule"), [(0, "got 0"), (100_001, "1 to 100000")])
def test_an_impossible_horizon_is_refused(steps, rule):
    """With the rule and the number given."""
    with pytest.raises(UsageError, match=rule):
        forecast_series(np.arange(3.0), np.ones(3), steps)


def test_a_holiday_is_forecast_like_a_weekend():
    """Easter Monday 2026 after a Good Friday; without its country it looks like any Monday."""
    hours = 24 * 28
    start_s = datetime(2026, 3, 9, tzinfo=UTC).timestamp()
    time_s = start_s + HOUR_S * np.arange(hours)
    busy = np.where(np.arange(hours) // 24 % 7 < 5, 100.0, 20.0)
    holidays = public_holidays("DE", time_s[0], time_s[-1] + 24 * HOUR_S)
    busy[np.isin(time_s // 86_400, list(holidays))] = 20.0
    value = busy + np.random.default_rng(5).normal(size=hours)
    known = forecast_series(time_s, value, 24, holidays=holidays).mean
    unknown = forecast_series(time_s, value, 24).mean
    assert known.mean() == pytest.approx(20, abs=10)
    assert unknown.mean() > 70


def test_an_unknown_country_is_refused():
    """With what was given."""
    with pytest.raises(UsageError, match="got 'ZZ'"):
        public_holidays("ZZ", 0.0, HOUR_S)


def test_no_value_at_all_is_refused():
    """There is nothing to continue."""
    with pytest.raises(UsageError, match="all 3 are missing"):
        forecast_series(np.arange(3.0), np.full(3, np.nan), 5)
