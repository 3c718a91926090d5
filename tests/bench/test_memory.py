"""The peak of a piece of work, also when it is over."""

import time

import numpy as np

from vigil.bench.memory import SAMPLED_S, watched_memory


def test_memory_that_was_given_back_counts():
    """A hundred MiB that lived for some samples."""
    with watched_memory() as peak_mib:
        filled = np.ones(100 << 17)
        time.sleep(10 * SAMPLED_S)
        del filled
        assert 90 < peak_mib() < 200
