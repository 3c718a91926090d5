"""Every detector candidate, whatever library it comes from, meets one contract."""

import numpy as np
import pandas as pd
import pytest

from vigil.backtest.candidate import find_candidates
from vigil.workbench import quiet_libraries

DETECTORS = [candidate for candidate in find_candidates() if candidate.role == "detector"]
STEPS_PER_DAY = 96


@pytest.fixture(scope="module")
def series() -> tuple[pd.Series, pd.Series]:
    """Four days to learn from and one to score, with a spike in the middle of it."""
    quiet_libraries()
    n = 5 * STEPS_PER_DAY
    season = 10 * np.sin(2 * np.pi * np.arange(n) / STEPS_PER_DAY)
    value = 50 + season + np.random.default_rng(0).normal(0, 1, n)
    value[-STEPS_PER_DAY // 2] += 60
    index = pd.date_range("2026-03-02", periods=n, freq="15min")
    whole = pd.Series(value, index=index)
    return whole.iloc[:-STEPS_PER_DAY].asfreq("15min"), whole.iloc[-STEPS_PER_DAY:].asfreq("15min")


def test_detectors_are_discovered():
    """From all three libraries, by entry points."""
    assert {candidate.library for candidate in DETECTORS} >= {"darts", "sktime", "vigil"}


@pytest.mark.parametrize("candidate", DETECTORS, ids=lambda candidate: candidate.name)
def test_a_detector_scores_every_value_and_ranks_the_spike_high(candidate, series):
    """A finite score for each recent value; higher is stranger; the input stays as it was."""
    history, recent = series
    before = history.copy(), recent.copy()
    score = candidate.build(STEPS_PER_DAY).score(history, recent)
    assert score.shape == (len(recent),)
    assert np.isfinite(score).all()
    # A windowed score may come a few steps after the spike.
    spike = len(recent) // 2
    assert score[spike : spike + 7].max() >= np.quantile(score, 0.95)
    pd.testing.assert_series_equal(history, before[0])
    pd.testing.assert_series_equal(recent, before[1])


@pytest.mark.parametrize("candidate", DETECTORS, ids=lambda candidate: candidate.name)
def test_a_detector_says_the_same_twice(candidate, series):
    """Seeds are fixed: a backtest can be repeated."""
    history, recent = series
    first = candidate.build(STEPS_PER_DAY).score(history, recent)
    np.testing.assert_allclose(candidate.build(STEPS_PER_DAY).score(history, recent), first)
