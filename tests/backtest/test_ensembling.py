"""Weights of the ensemble from injected anomalies."""

import numpy as np
import pandas as pd

from vigil.backtest.ensembling import EnsembleScorer, examples, learn_on, learn_on_all
from vigil.detect.ensemble import EQUAL


def history(rows: int) -> pd.Series:
    """Noise around fifty, a value a quarter of an hour."""
    value = 50 + np.random.default_rng(0).normal(0, 1, rows)
    return pd.Series(value, index=pd.date_range("2026-03-02", periods=rows, freq="15min"))


def test_examples_have_both_classes_and_the_same_p_twice():
    """Each round has anomalies of its own; the seed is fixed."""
    first, again = examples(history(400)), examples(history(400))
    assert all(labels.any() and not labels.all() for _, labels in first)
    assert len({labels.tobytes() for _, labels in first}) == len(first)
    np.testing.assert_array_equal(first[0][0], again[0][0])


def test_a_series_too_short_has_equal_weights():
    """Less than a day of quarters of an hour."""
    assert learn_on(history(60)) == EQUAL


def test_a_groups_weights_are_learnt_over_all_of_its_series():
    """They differ from those of one series, and are none of nothing."""
    whole = history(800)
    assert learn_on_all([whole.iloc[:400], whole.iloc[400:]]) != learn_on_all([whole.iloc[:400]])
    assert learn_on_all([]) == EQUAL


def test_given_weights_are_used_as_they_are():
    """Learnt elsewhere, such as those of a bundle."""
    past, recent = history(400).iloc[:300], history(400).iloc[300:]
    learned = EnsembleScorer(learn_on(past)).score(past, recent)
    np.testing.assert_array_equal(EnsembleScorer().score(past, recent), learned)
    assert (EnsembleScorer(EQUAL).score(past, recent) != learned).any()
