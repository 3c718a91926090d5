"""Forecasts of routes, services and the estate that add up.

Source: Wickramasuriya, Athanasopoulos and Hyndman, "Optimal forecast reconciliation for
hierarchical and grouped time series through trace minimization", JASA 114(526), 2019.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

ESTATE = "estate"
# Beyond so many routes their forecasts are summed: the optimal weights need a matrix of all pairs.
MOST_ROUTES = 2_000


def reconcile(route: np.ndarray, total: np.ndarray, services: Sequence[str]) -> np.ndarray:
    """Forecasts that add up, float64 (r + s + 1, h): routes, services, estate.

    route: (r, h) forecasts of r routes, `services` (r,) to which each belongs. total: (s + 1, h)
    forecasts of the s services in alphabetical order, and of the estate, made on their own.
    Errors are taken to grow with the number of routes in a sum (`wls_struct`). Cost: r³, 1 s for
    1,000 routes.
    """
    from darts import TimeSeries
    from darts.dataprocessing.transformers import BottomUpReconciliator, MinTReconciliator

    names = sorted(set(services))
    # A service may be named like anything: components get names of their own.
    nodes = [f"service {number}" for number in range(len(names))]
    leaves = [f"route {number}" for number in range(len(route))]
    parents = {
        leaf: [nodes[names.index(service)]] for leaf, service in zip(leaves, services, strict=True)
    }
    hierarchy = parents | {node: [ESTATE] for node in nodes}
    steps = pd.RangeIndex(route.shape[1])
    base = TimeSeries.from_times_and_values(
        steps, np.concatenate([route, total]).T, columns=[*leaves, *nodes, ESTATE],
        hierarchy=hierarchy,
    )  # fmt: skip
    if len(route) > MOST_ROUTES:
        return BottomUpReconciliator().transform(base).values().T
    return MinTReconciliator("wls_struct").fit_transform(base).values().T
