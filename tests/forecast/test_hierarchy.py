"""Forecasts of routes, services and the estate add up, and lose nothing by it."""

import numpy as np

from vigil.forecast.hierarchy import reconcile

SERVICES = ["a", "b", "a", "a", "b"]


def tree(route: np.ndarray) -> np.ndarray:
    """Services in alphabetical order, then the estate."""
    a, b = route[[0, 2, 3]].sum(axis=0), route[[1, 4]].sum(axis=0)
    return np.stack([a, b, a + b])


def test_reconciled_forecasts_add_up():
    """Whatever was forecast on its own."""
    rng = np.random.default_rng(1)
    found = reconcile(rng.gamma(3, size=(5, 7)), rng.gamma(9, size=(3, 7)), SERVICES)
    assert found.shape == (8, 7)
    np.testing.assert_allclose(found[5:], tree(found[:5]))


def test_what_adds_up_already_is_left_alone():
    """Reconciling twice is reconciling once."""
    route = np.random.default_rng(2).gamma(3, size=(5, 7))
    found = reconcile(route, tree(route), SERVICES)
    np.testing.assert_allclose(found, np.concatenate([route, tree(route)]))


def test_errors_get_smaller():
    """Two looks at the same truth know more than one."""
    rng = np.random.default_rng(3)
    truth = rng.gamma(9, size=(5, 500))
    route = truth + rng.normal(size=truth.shape)
    total = tree(truth) + rng.normal(size=(3, 500))
    found = reconcile(route, total, SERVICES)
    assert np.abs(found[:5] - truth).mean() < np.abs(route - truth).mean()
    assert np.abs(found[5:] - tree(truth)).mean() < np.abs(total - tree(truth)).mean()
