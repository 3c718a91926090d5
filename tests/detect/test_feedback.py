"""An operator's word: a repeated false alarm falls silent, a true one is never muted."""

import numpy as np
import pytest

from vigil.detect import MetricKind, Observations, OnlineDetector
from vigil.detect.feedback import Label, Verdict, deviation_of, learn_labels

DAY = 86_400.0


def observations(value: np.ndarray, start: int = 0) -> Observations:
    """A queue length, a value a minute."""
    n = len(value)
    time_s = 4 * DAY + (start + np.arange(n)) * 60.0
    return Observations(
        np.ones(n, np.int64), time_s, value, np.ones(n), np.full(n, MetricKind.GENERIC, np.int8)
    )


@pytest.fixture
def noise() -> np.ndarray:
    """Ten hours around fifty."""
    return 50 + np.random.default_rng(0).normal(0, 1, 600)


def watched(noise: np.ndarray, bump: float) -> tuple[OnlineDetector, float]:
    """A detector that has just alerted on a bump of that size, and its deviation."""
    detector = OnlineDetector()
    found = detector.update(observations(np.append(noise, 50 + bump)))
    assert found.flagged[-1]
    deviation = deviation_of(
        MetricKind.GENERIC, 50 + bump, float(found.expected[-1]), float(found.upper[-1])
    )
    return detector, deviation


def again(detector: OnlineDetector, noise: np.ndarray, bump: float) -> bool:
    """Is another bump flagged, after quiet hours."""
    value = np.append(noise[:300], 50 + bump)
    return bool(detector.update(observations(value, start=601)).flagged[-1])


def test_a_repeated_false_alarm_falls_silent(noise):
    """Without the label the same bump alerts again; with it, it does not."""
    detector, _ = watched(noise, 20)
    assert again(detector, noise, 20)
    detector, deviation = watched(noise, 20)
    learn_labels(detector, [Label(1, 1, Verdict.FALSE, deviation)])
    assert not again(detector, noise, 20)


def test_what_is_larger_than_the_false_alarm_still_alerts(noise):
    """Tolerance has a size."""
    detector, deviation = watched(noise, 20)
    learn_labels(detector, [Label(1, 1, Verdict.FALSE, deviation)])
    assert again(detector, noise, 40)


def test_a_true_one_is_never_muted(noise):
    """Called true once, its size alerts whatever is called false later."""
    detector, deviation = watched(noise, 20)
    labels = [
        Label(1, 1, Verdict.TRUE, deviation),
        Label(2, 1, Verdict.FALSE, 3 * deviation),
    ]
    learn_labels(detector, labels)
    assert again(detector, noise, 20)


def test_an_expected_change_is_learnt_afresh(noise):
    """After a confirmed deploy to twice the level, the new level is usual within 30 windows."""
    detector, deviation = watched(noise, 50)
    learn_labels(detector, [Label(1, 1, Verdict.EXPECTED, deviation)])
    found = detector.update(observations(noise[:300] + 50, start=601))
    assert not found.flagged.any()
    np.testing.assert_allclose(found.warming_up[[0, 30]], [0, 1])


@pytest.mark.parametrize(
    ("kind", "expected", "upper", "actual", "deviations"),
    [
        (MetricKind.GENERIC, 50.0, 53.0, 40.0, 10.0),
        (MetricKind.RATE, 100.0, 169.0, 0.0, 10.0),
        (MetricKind.GENERIC, 50.0, 53.0, float("nan"), 60.0),
    ],
)
def test_deviations_are_counted_on_the_scale_of_the_metric(
    kind, expected, upper, actual, deviations
):
    """The band's edge is three of them away; nothing measured is as far as can be."""
    assert deviation_of(kind, actual, expected, upper) == pytest.approx(deviations)


def test_labels_of_unknown_series_are_left_alone():
    """A label may be older than the detector's memory."""
    detector = OnlineDetector()
    learn_labels(
        detector, [Label(number, 7, verdict, 3.0) for number, verdict in enumerate(Verdict)]
    )
    assert len(detector.state()["series_id"]) == 0
