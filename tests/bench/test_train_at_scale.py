"""The training benchmark compares like with like."""

import numpy as np

from vigil.bench.train import DAYS, SEASON, bench_train, blocks


def test_generated_series_are_the_same_for_a_seed():
    """Blocks cut the same series, whatever their number."""
    first, again = list(blocks(3, 7)), list(blocks(3, 7))
    assert [block.shape for block in first] == [(3, DAYS * SEASON)]
    np.testing.assert_array_equal(first[0], again[0])


def test_both_ways_are_judged_and_counted():
    """Every series is told to the progress bar; both forecast better than yesterday would."""
    done = []
    result = bench_train(4, 1, tick=done.append)
    assert sum(done) == 5
    assert result.points == 4 * DAYS * SEASON
    assert 0 < result.batched_mase < 1
    assert 0 < result.loop_mase < 1
    assert result.peak_memory_mib > 0
