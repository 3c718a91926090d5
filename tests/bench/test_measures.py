"""Measures: agree with the reference implementation, and with sense."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.bench.measures import AlertCounts, count_alerts, segments, vus_pr

# (seed, value of the reference implementation of VUS-PR, version opt, buffer 10, 100 thresholds)
REFERENCE = [
    (0, 1.0),
    (1, 0.68191865),
    (2, 0.9965368),
    (3, 0.99763854),
    (4, 0.99930864),
    (5, 0.16695195),
]


def example(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A labelled series with scores of some use."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(300, bool)
    for _ in range(int(rng.integers(1, 5))):
        start = int(rng.integers(0, 290))
        labels[start : start + int(rng.integers(1, 25))] = True
    return labels, np.round(rng.random(300) + labels * rng.random() * 1.5, 2)


@pytest.mark.parametrize(("seed", "expected"), REFERENCE)
def test_vus_pr_equals_the_reference_implementation(seed, expected):
    """Values computed once with the package `vus` 0.0.6."""
    assert vus_pr(*example(seed)) == pytest.approx(expected, abs=1e-6)


def test_perfect_scores_beat_random_ones():
    """The measure points the right way."""
    labels, _ = example(1)
    random = np.random.default_rng(0).random(len(labels))
    assert vus_pr(labels, labels.astype(float)) > 0.8 > 2 * vus_pr(labels, random)


@given(st.lists(st.booleans(), max_size=60))
def test_segments_are_the_runs(mask):
    """Every True lies in exactly one segment."""
    found = np.zeros(len(mask), int)
    for first, after in segments(np.array(mask, bool)):
        found[first:after] += 1
    assert found.tolist() == [int(value) for value in mask]


def test_alerts_and_segments_are_matched_with_one_step_of_tolerance():
    """An alert one step early is right; one further away is not."""
    labels = np.array([0, 0, 0, 1, 1, 0, 0, 0], bool)
    assert count_alerts(labels, np.array([0, 0, 1, 0, 0, 0, 0, 1], bool)) == AlertCounts(
        segments=1, segments_found=1, alerts=2, alerts_right=1
    )


def test_alerts_on_a_clean_series_are_false():
    """They are counted per 1,000 points."""
    counts = count_alerts(np.zeros(500, bool), np.arange(500) % 250 == 0)
    assert (counts.clean_points, counts.clean_alerts) == (500, 2)
    assert counts.clean_alerts_per_1000 == 4.0


def test_counts_add_up():
    """Figures are pooled over series."""
    total = AlertCounts(4, 3, 5, 4) + AlertCounts(1, 0, 0, 0)
    assert (total.recall, total.precision) == (0.6, 0.8)
    assert total.f1 == pytest.approx(2 * 0.6 * 0.8 / 1.4)
