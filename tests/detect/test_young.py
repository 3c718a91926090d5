"""Requests in their first hours: an incident is no habit, a new level becomes one in the end."""

import numpy as np
import pytest

from vigil.detect import Decisions, MetricKind, Observations, OnlineDetector

STEP_S = 60
# A Monday midnight.
START_S = 1_772_409_600.0
BEFORE, DURING = 60, 60


def decide(kind: MetricKind, minutes: int, seed: int = 0) -> Decisions:
    """An hour as usual, then slow, failing or missing requests to the end; 300 a minute."""
    rng = np.random.default_rng(seed)
    n = BEFORE + minutes
    bad = np.arange(n) >= BEFORE
    requests = rng.poisson(np.where(bad & (kind == MetricKind.RATE), 120, 300)).astype(float)
    match kind:
        case MetricKind.RATE:
            value = requests / STEP_S
        case MetricKind.LATENCY:
            value = np.where(bad, 250, 100) * np.exp(rng.normal(0, 0.05, n))
        case _:
            value = rng.binomial(requests.astype(int), np.where(bad, 0.1, 0.002)) / requests
    return OnlineDetector().update(
        Observations(
            np.zeros(n, np.int64), START_S + STEP_S * np.arange(n), value, requests,
            np.full(n, kind, np.int8),
        )
    )  # fmt: skip


REQUESTS = [MetricKind.RATE, MetricKind.LATENCY, MetricKind.RATIO]


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("seed", range(3))
def test_an_incident_in_the_second_hour_stays_flagged(kind, seed):
    """Across the quarters of an hour, whose usual value nobody knows yet."""
    decisions = decide(kind, DURING, seed)
    assert not decisions.flagged[:BEFORE].any()
    assert decisions.flagged[BEFORE : BEFORE + 5].any()
    assert decisions.flagged[BEFORE:].mean() > 0.9


@pytest.mark.parametrize("kind", [MetricKind.LATENCY, MetricKind.RATE])
def test_the_band_does_not_follow_the_incident(kind):
    """What is expected after an hour of it is still nearer to what was usual."""
    decisions = decide(kind, DURING)
    usual, unusual = {MetricKind.LATENCY: (100, 250), MetricKind.RATE: (5, 2)}[kind]
    assert abs(decisions.expected[-1] - usual) < 0.2 * abs(unusual - usual)


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_level_that_stays_is_usual_in_the_end(kind):
    """A young series may have begun on an unusual hour: after a day it is quiet."""
    decisions = decide(kind, 3 * 24 * 60)
    assert not decisions.flagged[BEFORE + 25 * 60 :].any()
