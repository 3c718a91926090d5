"""The online detector's contract, and what it should and should not flag."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.detect import (
    Decisions,
    DetectorSettings,
    MetricKind,
    Observations,
    OnlineDetector,
    Prior,
)
from vigil.detect.series import detect_series

MINUTE, DAY = 60.0, 86_400.0


def observations(rows: list[tuple]) -> Observations:
    """From (series_id, time_s, value, weight, kind)."""
    columns = zip(*rows, strict=True) if rows else ([], [], [], [], [])
    series_id, time_s, value, weight, kind = columns
    return Observations(
        np.array(series_id, np.int64),
        np.array(time_s, float),
        np.array(value, float),
        np.array(weight, float),
        np.array(kind, np.int8),
    )


def table(decisions: Decisions) -> np.ndarray:
    """All columns, for comparison as a whole."""
    return np.stack([np.asarray(getattr(decisions, n), float) for n in Decisions.__slots__], 1)


values = st.one_of(
    st.floats(-1e6, 1e6), st.sampled_from([0.0, 5.0, float("nan"), float("inf"), 1e300, -1e300])
)
streams = st.lists(
    st.tuples(
        st.integers(1, 3), st.floats(0, 600), values, st.floats(0, 500), st.sampled_from(MetricKind)
    ),
    max_size=80,
).map(
    lambda rows: [
        (series, 1.7e9 + elapsed, value, weight, kind)
        for (series, _, value, weight, kind), elapsed in zip(
            rows, np.cumsum([row[1] for row in rows]), strict=True
        )
    ]
)


@settings(deadline=None)
@given(streams, st.sets(st.integers(0, 80)))
def test_any_cut_with_a_restart_in_between_decides_the_same(rows, cuts):
    """Batch = online = killed and resumed."""
    whole = table(OnlineDetector().update(observations(rows)))
    detector, parts = OnlineDetector(), []
    edges = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
    for start, end in itertools.pairwise(edges):
        parts.append(table(detector.update(observations(rows[start:end]))))
        detector = OnlineDetector.restore(detector.settings, detector.state())
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@settings(deadline=None)
@given(streams)
def test_scores_are_finite_whatever_comes(rows):
    """Missing, infinite, constant, enormous: a score in [0, 1] and p in (0, 1]."""
    found = OnlineDetector().update(observations(rows))
    assert np.isfinite(found.score).all()
    assert ((found.score >= 0) & (found.score <= 1)).all()
    assert ((found.p > 0) & (found.p <= 1)).all()
    assert np.isfinite(found.rank).all()


@settings(deadline=None)
@given(streams)
def test_series_do_not_see_each_other(rows):
    """Alone or beside others, a series gets the same decisions."""
    together = table(OnlineDetector().update(observations(rows)))
    for series in {row[0] for row in rows}:
        mine = [number for number, row in enumerate(rows) if row[0] == series]
        alone = table(OnlineDetector().update(observations([rows[n] for n in mine])))
        np.testing.assert_array_equal(together[mine], alone)


@settings(deadline=None)
@given(streams, st.integers(0, 80))
def test_the_future_is_not_looked_at(rows, cut):
    """A prefix gets the same decisions."""
    whole = table(OnlineDetector().update(observations(rows)))
    prefix = table(OnlineDetector().update(observations(rows[:cut])))
    np.testing.assert_array_equal(prefix, whole[:cut])


@settings(deadline=None)
@given(streams)
def test_reassessing_learns_nothing(rows):
    """A corrected window must not move the state that later windows are judged by."""
    detector = OnlineDetector()
    detector.update(observations(rows))
    before = {name: array.copy() for name, array in detector.state().items()}
    detector.reassess(observations(rows), np.full(len(rows), np.nan))
    for name, array in detector.state().items():
        np.testing.assert_array_equal(array, before[name])


def requests(kind: MetricKind, value: np.ndarray, weight: np.ndarray) -> Observations:
    """One series, a value a minute from a Monday on."""
    n = len(value)
    time_s = 4 * DAY + np.arange(n) * MINUTE
    return Observations(np.ones(n, np.int64), time_s, value, weight, np.full(n, kind, np.int8))


def traffic(days: int, per_minute: float, seed: int) -> np.ndarray:
    """Poisson counts with a daily season."""
    minute = np.arange(days * 1440)
    mean = per_minute * (1 + 0.6 * np.sin(2 * np.pi * minute / 1440))
    return np.random.default_rng(seed).poisson(mean).astype(float)


@pytest.mark.parametrize("seed", range(3))
def test_clean_seasonal_traffic_is_left_alone(seed):
    """Three days of clean requests, counted by the minute: hardly a flag."""
    counts = traffic(3, 60, seed)
    found = OnlineDetector().update(requests(MetricKind.RATE, counts / 60, counts))
    assert found.flagged[1440:].sum() <= 3


def test_traffic_that_stops_is_noticed_within_minutes():
    """No requests is a measurement."""
    counts = traffic(3, 60, 4)
    counts[4000:4030] = 0
    found = OnlineDetector().update(requests(MetricKind.RATE, counts / 60, counts))
    assert np.flatnonzero(found.flagged[4000:])[0] <= 3
    assert found.flagged[4003:4030].all()


def test_slow_requests_are_noticed_and_fast_ones_are_not():
    """Latency matters upwards only."""
    rng = np.random.default_rng(5)
    value = 80 * np.exp(rng.normal(0, 0.15, 3 * 1440))
    value[3000:3020] *= 3
    value[4000:4020] /= 3
    found = OnlineDetector().update(requests(MetricKind.LATENCY, value, np.full(len(value), 50.0)))
    assert found.flagged[3002:3020].all()
    assert not found.flagged[4000:4020].any()


def test_one_error_on_a_quiet_route_wakes_nobody_but_a_burst_does():
    """A ratio is judged by how many requests are behind it."""
    rng = np.random.default_rng(6)
    errors = rng.binomial(4, 0.01, 2 * 1440) / 4
    quiet = OnlineDetector().update(requests(MetricKind.RATIO, errors, np.full(2880, 4.0)))
    assert not quiet.flagged.any()
    busy = rng.binomial(200, 0.01, 2 * 1440) / 200
    busy[2000:2010] = 0.3
    found = OnlineDetector().update(requests(MetricKind.RATIO, busy, np.full(2880, 200.0)))
    assert found.flagged[2001:2010].all()
    assert found.flagged[:2000].sum() == 0


def test_the_promoted_model_is_what_values_are_compared_with():
    """Where the prior knows better than the past, no alarm; and its expectation is shown."""
    counts = traffic(2, 60, 7)
    counts[2000:2100] *= 4
    kept = requests(MetricKind.RATE, counts / 60, counts)
    expected = np.full(len(counts), np.nan)
    expected[2000:2100] = 4 * (1 + 0.6 * np.sin(2 * np.pi * np.arange(2000, 2100) / 1440))
    prior = Prior(expected, np.where(np.isfinite(expected), 0.3, np.nan))
    assert OnlineDetector().update(kept).flagged[2000:2100].sum() > 50
    found = OnlineDetector().update(kept, prior)
    assert found.flagged[2000:2100].sum() <= 3
    np.testing.assert_allclose(found.expected[2000:2100], expected[2000:2100])


def test_warming_up_is_said_and_flags_nothing():
    """The first windows are for learning."""
    value = np.ones(40)
    value[10] = 1e6
    found = detect_series(np.arange(40) * MINUTE, value)
    assert not found.flagged[:30].any()
    np.testing.assert_allclose(found.warming_up[[0, 15, 30, 39]], [0, 0.5, 1, 1])


def test_a_lower_alert_rate_flags_less():
    """The budget is asked for, not a threshold."""
    rng = np.random.default_rng(8)
    value = rng.standard_t(3, 5_000) + 50
    flags = [
        detect_series(
            np.arange(5_000) * MINUTE,
            value,
            dataclasses.replace(DetectorSettings(), alert_rate=rate, least_evidence=0.0),
        ).flagged.sum()
        for rate in (0.05, 0.005, 0.0005)
    ]
    assert flags[0] > flags[1] > flags[2]
    assert flags[0] / 5_000 < 0.1


def test_the_head_of_an_incident_stands_out_and_its_body_ranks_above_quiet_times():
    """The first three windows of something new are news; those that follow stay below, in order."""
    value = 50 + np.random.default_rng(9).normal(0, 1, 2_000)
    value[1_500:1_520] = 100
    score = detect_series(np.arange(2_000) * MINUTE, value).score
    assert score[1_500:1_503].min() > 0.99
    assert score[1_500] > score[1_503:1_520].max()
    assert score[1_503:1_520].min() > np.quantile(score[100:1_500], 0.99)


def test_rare_events_of_the_usual_size_are_no_alarm_and_larger_ones_are():
    """A route that is called once in a while: zero most of the time, and ones."""
    value = np.zeros(3_000)
    value[np.random.default_rng(10).integers(0, 3_000, 60)] = 1.0
    value[2_500:2_510] = 20.0
    flagged = detect_series(np.arange(3_000) * MINUTE, value).flagged
    # The first few define what is usual.
    assert not flagged[1_000:2_500].any()
    assert flagged[2_500:2_510].all()


def test_an_alert_is_over_after_a_few_usual_values():
    """One value back to normal in the middle does not cut an alert in two."""
    value = 50 + np.random.default_rng(11).normal(0, 1, 1_000)
    value[800:804] = value[805:810] = 90
    flagged = detect_series(np.arange(1_000) * MINUTE, value).flagged
    assert flagged[800:810].all()
    assert not flagged[816:].any()


def test_a_pattern_that_fails_to_come_is_news():
    """A flat line in a series that swings is within its range, but like nothing before."""
    step = np.arange(1_600)
    value = 10 * np.sin(2 * np.pi * step / 31) + np.random.default_rng(12).normal(0, 0.2, 1_600)
    value[1_400:1_450] = 0.0
    score = detect_series(step * MINUTE, value).score
    assert score[1_400:1_450].max() > 0.99
    assert score[300:1_400].max() < score[1_400:1_450].max()


def test_state_is_small():
    """Less than two kilobytes a series."""
    detector = OnlineDetector()
    rows = [(series, 0.0, 1.0, 1.0, MetricKind.RATE) for series in range(1_000)]
    detector.update(observations(rows))
    assert sum(array.nbytes for array in detector.state().values()) / 1_000 < 2_000
