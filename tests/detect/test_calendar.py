"""Calendars: local clocks through daylight saving, free days by country, rules by series."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.detect import DetectorSettings, MetricKind, Observations, OnlineDetector
from vigil.detect.calendar import MATCHED, Calendar, calendar_of, calendars_from
from vigil.errors import ConfigError

DAY_S, HOUR_S = 86_400.0, 3_600.0


def epoch(*when: int) -> float:
    """Of a UTC instant."""
    return datetime(*when, tzinfo=UTC).timestamp()


@given(st.floats(0, 4e9))
def test_the_local_clock_is_that_of_the_time_zone_database(time_s):
    """In Berlin and Kolkata, at any second since 1970."""
    from zoneinfo import ZoneInfo

    for name in ("Europe/Berlin", "Asia/Kolkata"):
        [local_s] = Calendar(timezone=name).local(np.array([time_s]))
        offset = datetime.fromtimestamp(time_s // 60 * 60, ZoneInfo(name)).utcoffset()
        assert local_s - time_s == pytest.approx(offset.total_seconds(), abs=1e-3)


def test_an_hour_comes_twice_when_clocks_go_back():
    """On 26 October 2025 at 01:00 UTC, Berlin's clock shows two again."""
    berlin = Calendar(timezone="Europe/Berlin")
    before, after = berlin.local(np.array([epoch(2025, 10, 26, 0, 30), epoch(2025, 10, 26, 1, 30)]))
    assert before == after


def test_holidays_and_weekends_are_those_of_the_country():
    """3 October is free in Germany only, Corpus Christi in Bavaria, Friday in Egypt."""
    unity, corpus, friday = (epoch(2025, 10, 3), epoch(2025, 6, 19), epoch(2025, 9, 5))
    days = np.array([unity, corpus, friday]) + 12 * HOUR_S
    assert Calendar(country="DE").free(days).tolist() == [True, False, False]
    assert Calendar(country="DE", subdivision="BY").free(days).tolist() == [True, True, False]
    assert Calendar(country="EG").free(days)[2]
    saturday_to_monday = epoch(2025, 9, 6) + np.arange(3) * DAY_S
    assert Calendar().free(saturday_to_monday).tolist() == [True, True, False]


def test_the_first_rule_that_matches_a_series_counts():
    """Wildcards, several fields, several patterns; what no rule matches has the default."""
    calendars = calendars_from(
        [
            {"match": {"region": ["eu-*", "ch"], "service": "shop"}, "timezone": "Europe/Berlin"},
            {"match": {"region": "eu-*"}, "country": "FR"},
        ]
    )
    places = [("eu-1", "shop"), ("ch", "shop"), ("eu-1", "pay"), ("us-1", "shop"), (None, "shop")]
    blank = dict.fromkeys(MATCHED, "x")
    series = pl.DataFrame([{**blank, "region": r, "service": s} for r, s in places])
    assert calendar_of(series, calendars).tolist() == [1, 1, 2, 0, 0]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"timezone": "Europe/Atlantis"}, "calendar 1: timezone 'Europe/Atlantis' is no IANA"),
        ({"country": "XX"}, "calendar 1: no holidays are known for 'XX'"),
        ({"country": "DE", "subdivision": "ZZ"}, "calendar 1: no holidays are known for 'DE ZZ'"),
        ({"subdivision": "BY"}, "calendar 1: subdivision 'BY' needs a country"),
        ({"match": {"planet": "mars"}}, "calendar 1: a calendar cannot match 'planet'"),
        ({"zone": "UTC"}, "calendar 1 has no field 'zone'"),
        ({"match": "eu"}, "calendar 1: match must be a table of patterns"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_number(rule, said):
    """With the value that is not known."""
    with pytest.raises(ConfigError, match=said):
        calendars_from([rule])


def test_series_keep_the_clock_of_their_own_calendar():
    """A rush at 9 by Berlin's clock beside one by UTC's, through a change of clocks."""
    berlin = Calendar(timezone="Europe/Berlin")
    time_s = epoch(2025, 10, 20) + np.arange(12 * 96) * 900.0
    noise = np.random.default_rng(0).normal(0, 1, len(time_s))

    def rush(local_s: np.ndarray) -> np.ndarray:
        return 50 + noise + 100 * (local_s % DAY_S // HOUR_S == 9)

    n = len(time_s)
    rows = Observations(
        series_id=np.repeat([1, 2], n),
        time_s=np.tile(time_s, 2),
        value=np.concatenate([rush(berlin.local(time_s)), rush(time_s)]),
        weight=np.ones(2 * n),
        kind=np.full(2 * n, MetricKind.GENERIC, np.int8),
        calendar=np.repeat([1, 0], n).astype(np.int8),
    )
    found = OnlineDetector(DetectorSettings(calendars=(berlin,))).update(rows)
    late = np.tile(time_s >= epoch(2025, 10, 27), 2)
    assert not found.flagged[late].any()
    np.testing.assert_allclose(found.expected[late], rows.value[late], atol=8)
