"""Bands around any forecaster: from its own past errors, sktime's way and Vigil's."""

import numpy as np
import pandas as pd
import pytest

from vigil.backtest.candidate import find_candidates
from vigil.features.deploys import NO_DEPLOYS
from vigil.forecast.conformal import ORIGINS, ConformalForecaster
from vigil.forecast.seasonal import SeasonalMedian

DAY = 24
LEVELS = (0.1, 0.5, 0.9)


def noisy_days(seed: int, days: int = 15) -> pd.Series:
    """An hourly wave with noise of one deviation."""
    hours = pd.date_range("2026-03-02", periods=DAY * days, freq="h")
    noise = np.random.default_rng(seed).normal(size=len(hours))
    return pd.Series(20 + 8 * np.sin(np.arange(len(hours)) * 2 * np.pi / DAY) + noise, index=hours)


def around_the_median() -> ConformalForecaster:
    """The plainest seasonal forecaster in bands."""
    return ConformalForecaster(lambda: SeasonalMedian(DAY), DAY)


def test_eighty_percent_bands_hold_four_values_of_five():
    """Over the days after 40 series."""
    inside = []
    for seed in range(40):
        values = noisy_days(seed)
        low, _, high = around_the_median().quantiles(values.iloc[:-DAY], DAY, LEVELS).T
        inside.append((values.iloc[-DAY:] >= low) & (values.iloc[-DAY:] <= high))
    assert np.mean(inside) == pytest.approx(0.8, abs=0.03)


class Recorder:
    """Forecasts zero and remembers what it was shown."""

    seen: list[pd.Series]

    def __init__(self) -> None:
        self.seen = []

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        self.seen.append(history)
        return np.zeros(steps)


def test_each_past_forecast_sees_what_was_known_then():
    """Prefixes of the history, two seasons at least, and all of it for the forecast itself."""
    values, model = noisy_days(1), Recorder()
    ConformalForecaster(lambda: model, DAY).quantiles(values, DAY, LEVELS)
    lengths = [len(seen) for seen in model.seen]
    assert len(lengths) == ORIGINS + 1
    assert min(lengths) > 2 * DAY
    assert lengths[-1] == len(values)
    assert all(seen.equals(values.iloc[: len(seen)]) for seen in model.seen)


def test_a_model_that_is_always_wrong_by_as_much_is_put_right():
    """The quantiles are those of what came, not of the model's own idea."""
    constant = pd.Series(5.0, index=pd.date_range("2026-03-02", periods=240, freq="h"))
    found = ConformalForecaster(Recorder, DAY).quantiles(constant, DAY, LEVELS)
    np.testing.assert_allclose(found, 5.0)


def test_steps_beyond_what_the_history_can_test_have_the_last_tested_band():
    """Three days can test one day ahead."""
    found = around_the_median().quantiles(noisy_days(2, days=3), 10 * DAY, LEVELS)
    width = found[:, 2] - found[:, 0]
    assert width[-1] == pytest.approx(width[5 * DAY])
    assert (width > 0).all()


def test_too_short_a_history_is_refused():
    """With what is needed and what there is."""
    with pytest.raises(ValueError, match="more than 2 seasons of 24 steps, got 48 steps"):
        around_the_median().quantiles(noisy_days(1, days=2), DAY, LEVELS)


def sktime_bands(values: pd.Series) -> np.ndarray:
    """Quantiles of the candidate that sktime wraps."""
    [candidate] = find_candidates(["sktime_conformal"])
    return candidate.build(DAY).quantiles(values, DAY, LEVELS)


def test_sktime_intervals_hold_about_what_they_say():
    """Of some errors a horizon, so roughly; its random draw of moments is the same each time, and
    that of others goes on as before.
    """
    inside = []
    for seed in range(2):
        values = noisy_days(seed)
        np.random.seed(seed)  # noqa: NPY002
        low, middle, high = sktime_bands(values.iloc[:-DAY]).T
        drawn = np.random.random()  # noqa: NPY002
        inside.append((values.iloc[-DAY:] >= low) & (values.iloc[-DAY:] <= high))
        np.random.seed(seed)  # noqa: NPY002
        assert drawn == np.random.random()  # noqa: NPY002
    assert 0.65 < np.mean(inside) < 0.95
    again = sktime_bands(values.iloc[:-DAY])
    np.testing.assert_array_equal(again, np.stack([low, middle, high], axis=1))


def test_sktime_intervals_need_two_seasons_and_the_horizon():
    """It would give intervals of no width, with a warning."""
    with pytest.raises(ValueError, match=r"2 seasons of 24 steps and the 24 .* got 72 steps"):
        sktime_bands(noisy_days(1, days=3))


def test_intervals_of_sktime_look_back_over_a_bounded_past(monkeypatch):
    """Their matrix grows with the square of it: older errors, wild ones here, are not looked at."""
    monkeypatch.setattr("vigil.forecast.sktime_adapter.MOST_TESTED", 4 * DAY)
    values = noisy_days(3, days=30)
    wild = 100 * np.random.default_rng(4).normal(size=10 * DAY)
    # Each hour's mean stays what it is, so that only the errors are wild.
    values.iloc[: 20 * DAY] += np.concatenate([wild, -wild])
    low, _, high = sktime_bands(values.asfreq("h"))[0]
    assert high - low < 20
