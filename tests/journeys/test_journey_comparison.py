"""One operation in two environments."""

import numpy as np
import polars as pl
import pytest

from vigil.journeys.comparison import compare_environments


def served(left_ms: np.ndarray, right_ms: np.ndarray) -> pl.DataFrame:
    """Requests to one operation in `aws` and in `azure`."""
    both = [("aws", ms) for ms in left_ms] + [("azure", ms) for ms in right_ms]
    return pl.DataFrame(
        {
            "environment": [name for name, _ in both],
            "duration_ms": [float(ms) for _, ms in both],
        }
    ).with_columns(
        service=pl.lit("orders"), operation=pl.lit("POST /orders"), kind=pl.lit("server")
    )


def test_the_interval_holds_the_true_difference_as_often_as_it_says():
    """95 of 100 times, within what chance allows of 400 tries; the distribution is skewed."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        frame = served(rng.lognormal(3, 0.8, 120), rng.lognormal(3, 0.8, 90) + 5)
        (found,) = compare_environments(frame, "aws", "azure")
        hits += found.low_ms <= 5 <= found.high_ms
    assert 0.92 <= hits / 400 <= 0.995


def test_a_large_difference_is_certain_and_has_a_sign():
    """Right minus left."""
    rng = np.random.default_rng(2)
    frame = served(rng.normal(50, 5, 200), rng.normal(80, 5, 200))
    (found,) = compare_environments(frame, "aws", "azure")
    assert found.certain
    assert found.difference_ms == pytest.approx(30, abs=2)


def test_too_few_requests_are_not_compared():
    """Nineteen are not enough."""
    assert compare_environments(served(np.ones(19), np.ones(200)), "aws", "azure") == []
