"""Drift is a share of series: an incident moves one, a changed world moves many."""

import numpy as np
import polars as pl
import pytest

from vigil.backtest.drift import Drift, calibration_drift, residual_drift

SPREAD = dict.fromkeys(range(1, 6), 2.0)


def scores(width: dict[int, float], bias: float = 0.0, windows: int = 400) -> pl.DataFrame:
    """Five series whose residuals are so many times as wide as in training."""
    rng = np.random.default_rng(0)
    parts = [
        pl.DataFrame(
            {
                "series_id": number,
                "expected": 50.0,
                "actual": 50 + 2.0 * (bias + width.get(number, 1.0) * rng.normal(0, 1, windows)),
            }
        )
        for number in SPREAD
    ]
    return pl.concat(parts)


@pytest.mark.parametrize(
    ("width", "bias", "drifted"),
    [({}, 0.0, 0), ({1: 5.0}, 0.0, 1), (dict.fromkeys(SPREAD, 3.0), 0.0, 5), ({}, 1.5, 5)],
    ids=["as trained", "one incident", "wider everywhere", "off on one side"],
)
def test_residuals_are_measured_by_those_of_training(width, bias, drifted):
    """Wider, or with their middle elsewhere."""
    drift, figures = residual_drift(scores(width, bias), SPREAD)
    assert (drift.drifted, drift.compared) == (drifted, 5)
    assert figures["drifted"].sum() == drifted
    assert figures["width"].is_sorted(descending=True)


def test_series_that_the_champion_does_not_know_have_no_say():
    """Nor those with few windows, or without a spread to measure by."""
    drift, _ = residual_drift(scores({}), {1: 2.0, 2: 0.0})
    assert drift.compared == 1
    assert residual_drift(scores({}, windows=50), SPREAD)[0].compared == 0


@pytest.mark.parametrize(
    ("drift", "matters", "grave"),
    [
        (Drift(1, 4), False, False),
        (Drift(2, 5), True, False),
        (Drift(3, 5), True, True),
        (Drift(3, 3), False, False),
    ],
)
def test_it_matters_from_a_quarter_and_is_grave_from_a_half(drift, matters, grave):
    """Too few series say nothing."""
    assert (drift.matters, drift.grave) == (matters, grave)


def test_words_have_the_numbers():
    """For skip reasons and checks."""
    assert Drift(2, 8).words == "2 of 8 series drifted (25%)"
    assert Drift(0, 2).words == "2 series to compare, at least 4 are needed"


def test_p_values_that_come_too_often_are_drift():
    """Three times as often as asked, in series with enough windows."""
    counts = [(1_000, 10)] * 5 + [(1_000, 60)] * 3 + [(50, 40)]
    assert calibration_drift(counts) == Drift(3, 8)
