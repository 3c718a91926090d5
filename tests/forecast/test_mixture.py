"""The mixture takes whatever lowers the mean absolute error."""

import numpy as np

from vigil.forecast.mixture import horizon_ranges, select


def test_the_best_member_alone_wins_where_mixing_does_not_help():
    """A perfect member needs no company."""
    actual = np.arange(10.0)[None]
    member = np.stack([actual + 3, actual, actual - 5])
    np.testing.assert_allclose(select(member, actual, np.ones((1, 10))), [[0, 1, 0]])


def test_opposite_errors_are_mixed():
    """Members that err by +1 and -1 are worth more together."""
    actual = np.zeros((1, 10))
    member = np.stack([actual + 1, actual - 1])
    np.testing.assert_allclose(select(member, actual, np.ones((1, 10))), [[0.5, 0.5]])


def test_cases_without_weight_do_not_count():
    """A gap in the actual values chooses nothing."""
    actual = np.zeros((1, 4))
    member = np.array([[[0.0, 0, 9, 9]], [[1.0, 1, 0, 0]]])
    weight = np.array([[1.0, 1, 0, 0]])
    np.testing.assert_allclose(select(member, actual, weight), [[1, 0]])


def test_each_range_of_horizons_is_twice_as_long_as_the_one_before():
    """1, 2-3, 4-7, … steps ahead."""
    assert horizon_ranges(np.arange(8)).tolist() == [0, 1, 1, 2, 2, 2, 2, 3]
