"""The pool sees the past only, and continues what is simple exactly."""

import numpy as np
import pytest

from vigil.forecast.bands import spreads
from vigil.forecast.pool import Panel, pool_forecasts

DAY = 24
HORIZONS = np.arange(2 * DAY)


def panel_of(value: np.ndarray) -> Panel:
    n = value.shape[1] + len(HORIZONS)
    return Panel(value, (DAY, 7 * DAY), (np.arange(n) // DAY) % 7 >= 5)


@pytest.mark.parametrize("compute", [lambda *a: pool_forecasts(*a)[1], spreads])
def test_a_forecast_uses_nothing_after_its_origin(compute):
    """Whatever comes later, the forecast of an origin stays the same, at every horizon."""
    rng = np.random.default_rng(1)
    value = rng.gamma(2, size=(2, 30 * DAY))
    origins = np.array([10 * DAY, 14 * DAY + 5])
    before = compute(panel_of(value), origins, HORIZONS)
    spoilt = value.copy()
    spoilt[:, origins[1] :] = 1e6
    after = compute(panel_of(spoilt), origins, HORIZONS)
    np.testing.assert_allclose(after, before, rtol=1e-6)


def test_a_repeating_week_is_continued_exactly_by_its_season():
    """Seasonal naive is a member under its own name, and a week needs no error."""
    week = np.random.default_rng(2).gamma(2, size=7 * DAY)
    names, member = pool_forecasts(panel_of(np.tile(week, 4)[None]), np.array([28 * DAY]), HORIZONS)
    np.testing.assert_allclose(member[names.index("season 168"), 0, 0], week[: len(HORIZONS)])


def test_weekends_are_forecast_from_weekends():
    """A Saturday after ten days of history looks like last Saturday, not like Friday."""
    days = np.array([100.0, 100, 100, 100, 100, 10, 10, 100, 100, 100, 100, 100])
    value = np.repeat(days, DAY)[None]
    names, member = pool_forecasts(panel_of(value), np.array([12 * DAY]), np.arange(DAY))
    np.testing.assert_allclose(member[names.index("season 24 day type"), 0, 0], 10.0)


def test_members_are_the_same_for_a_series_alone_and_among_others():
    """A batch is only faster."""
    value = np.random.default_rng(3).gamma(2, size=(3, 10 * DAY))
    origins = np.array([5 * DAY, 8 * DAY])
    together = pool_forecasts(panel_of(value), origins, HORIZONS)[1]
    alone = pool_forecasts(panel_of(value[1:2]), origins, HORIZONS)[1]
    np.testing.assert_allclose(together[:, 1:2], alone)
