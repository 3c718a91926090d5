"""Which members of the pool to mix, by their errors in the backtest, for each range of horizons.

Source: Caruana et al., "Ensemble selection from libraries of models", ICML 2004.
"""

import numpy as np

ROUNDS = 20


def horizon_ranges(horizons: np.ndarray) -> np.ndarray:
    """Range of each horizon, int (h,): each is about twice as long as the one before."""
    return np.floor(np.log2(horizons + 1.0)).astype(int)


def select(member: np.ndarray, actual: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weights of the members, float (s, c), that sum to 1 and give a small mean absolute error.

    member: (c, s, k) forecasts of k cases. actual: (s, k). weight: (s, k), 0 where nothing counts.
    Greedy, with replacement: starts with the best member and adds whichever helps the mean most.
    """
    members, series, _ = member.shape
    counts = np.zeros((series, members))
    total = np.zeros(actual.shape, member.dtype)
    rows = np.arange(series)
    best_error, best_counts = np.full(series, np.inf), counts.copy()
    for done in range(ROUNDS):
        mixed = (total + member) / (done + 1)
        error = (np.abs(mixed - actual) * weight).sum(axis=2)
        chosen = error.argmin(axis=0)
        counts[rows, chosen] += 1
        total += member[chosen, rows]
        reached = error[chosen, rows]
        better = reached < best_error
        best_error[better] = reached[better]
        best_counts[better] = counts[better]
    return best_counts / best_counts.sum(axis=1, keepdims=True)
