"""The features benchmark compares like with like."""

import numpy as np
import pytest

from vigil.bench import features as bench
from vigil.features.frame import features_of


def test_pandas_makes_the_same_features():
    """To the last bit, but for the names of the series."""
    [[series]] = bench._blocks(1, seed=3)
    ours, theirs = features_of([series]), bench.by_pandas(series.history)
    for name in theirs:
        np.testing.assert_array_equal(
            ours[name].cast(float).fill_null(np.nan), theirs[name].astype(float), name
        )


def test_darts_makes_the_same_level_and_spread():
    """From its own windows."""
    [[series]] = bench._blocks(1, seed=3)
    ours = features_of([series]).select("level", "spread").to_numpy()
    np.testing.assert_allclose(bench.by_darts(series.history), ours)


def test_all_are_counted_and_told():
    """Every series is told to the progress bar, whoever makes its features."""
    done = []
    facts = bench.bench_features(3, 1, 0, done.append)
    assert sum(done) == 3 + len(bench.PEERS)
    assert facts["rows"] == 3 * 28 * 288
    rates = facts["vigil_rows_per_s"], facts["pandas_rows_per_s"]
    assert facts["times_pandas"] == pytest.approx(rates[0] / rates[1], abs=0.02)
