"""The mixture takes whatever lowers the mean absolute error."""

import numpy as np

from vigil.forecast.mixture import FOLDS, Cases, horizon_ranges, mix, select, turns


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


def cases(member, actual, late=None) -> Cases:
    """Equal weights; the first member is the yardstick."""
    k = actual.shape[1]
    late = np.zeros(k, bool) if late is None else late
    return Cases(member, actual, np.ones(actual.shape), turns(k), late, yardstick=0)


def test_folds_take_turns_over_the_history():
    """Each fold has old and new cases, also where there are few."""
    fold = turns(200)
    assert set(fold[:60]) == set(fold[-60:]) == set(range(FOLDS))
    assert len(turns(3)) == 3


def test_errors_are_those_of_weights_that_had_not_seen_the_case():
    """Forty useless members flatter the mixture that saw the case, not the one that did not."""
    rng = np.random.default_rng(1)
    actual, member = rng.normal(size=(1, 60)), rng.normal(size=(40, 1, 60))
    _, unseen = mix(cases(member, actual))
    seen = actual - np.einsum("sc,csk->sk", select(member, actual, np.ones((1, 60))), member)
    assert np.abs(unseen).mean() > 1.15 * np.abs(seen).mean()


def test_after_a_change_the_yardstick_takes_over():
    """What was right for long and is wrong by far in the last season counts no more."""
    actual = np.concatenate([np.zeros(180), np.full(20, 10.0)])[None]
    adapted = actual + np.random.default_rng(2).normal(size=200)
    late = np.arange(200) >= 180
    weights, _ = mix(cases(np.stack([adapted, np.zeros((1, 200))]), actual, late))
    assert weights[0, 0] > 0.9
