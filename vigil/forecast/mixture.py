"""Which members of the pool to mix, by their errors in the backtest, for each range of horizons.

Sources: Caruana et al., "Ensemble selection from libraries of models", ICML 2004; Barber et al.,
"Predictive inference with the jackknife+", Annals of Statistics 49(1), 2021 (errors of what was
left out).
"""

from dataclasses import dataclass

import numpy as np

ROUNDS = 20
FOLDS = 5
# Folds take turns so often over the history, so that each has old and new cases.
TURNS = 4
# Where recent errors exceed the yardstick's by less than the first, the mixture is trusted wholly;
# by more than the second, the yardstick alone is.
TRUSTED, DISTRUSTED = 1.1, 1.6


@dataclass(frozen=True, slots=True)
class Cases:
    """k past forecasts of s series by c members, and what came.

    member: (c, s, k). actual, weight: (s, k); weight 0 counts nothing. fold: int (k,), cases of one
    fold are left out together. late: bool (k,), cases of the last season. yardstick: the member
    that must not be lost against.
    """

    member: np.ndarray
    actual: np.ndarray
    weight: np.ndarray
    fold: np.ndarray
    late: np.ndarray
    yardstick: int


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
    # What counts nothing in any series is not looked at; the weights are multiplied in once.
    counting = weight.any(axis=0)
    weight = weight[:, counting]
    weighted, truth = member[:, :, counting] * weight, actual[:, counting] * weight
    total, away = np.zeros_like(truth), np.empty_like(weighted)
    rows = np.arange(series)
    best_error, best_counts = np.full(series, np.inf), counts.copy()
    for done in range(1, ROUNDS + 1):
        np.add(weighted, total - done * truth, out=away)
        error = np.abs(away, out=away).sum(axis=2) / done
        chosen = error.argmin(axis=0)
        counts[rows, chosen] += 1
        total += weighted[chosen, rows]
        reached = error[chosen, rows]
        better = reached < best_error
        best_error[better] = reached[better]
        best_counts[better] = counts[better]
    return best_counts / best_counts.sum(axis=1, keepdims=True)


def turns(count: int) -> np.ndarray:
    """Fold of each of `count` consecutive origins, int (count,): blocks that take turns.

    >>> turns(40)[:9].tolist()
    [0, 0, 1, 1, 2, 2, 3, 3, 4]
    """
    return np.arange(count) * (FOLDS * TURNS) // max(count, FOLDS * TURNS) % FOLDS


def mix(cases: Cases) -> tuple[np.ndarray, np.ndarray]:
    """(weights (s, c) that sum to 1, errors (s, k) of weights that had not seen the case).

    The weights are the mean over folds of what is selected without each, which also makes them
    steadier. A series whose mixture does worse than the yardstick over the last season, as after a
    change of level, goes over to it.
    """
    shares, error = [], np.empty(cases.actual.shape)
    for number in np.unique(cases.fold):
        own = cases.fold == number
        others = cases.weight * ~own
        seen = np.where(others.any(axis=1, keepdims=True), others, cases.weight)
        share = select(cases.member, cases.actual, seen)
        mixed = np.einsum("sc,csk->sk", share, cases.member[:, :, own])
        error[:, own] = cases.actual[:, own] - mixed
        shares.append(share)
    away = cases.actual - cases.member[cases.yardstick]
    trust = _trust(error, away, cases.weight * cases.late)[:, None]
    weights = trust * np.mean(shares, axis=0)
    weights[:, cases.yardstick] += 1 - trust[:, 0]
    return weights, trust * error + (1 - trust) * away


def _trust(error: np.ndarray, away: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Share of the mixture, (s,): 1 where it is as good as the yardstick, falling to 0."""
    own = (np.abs(error) * weight).sum(axis=1)
    theirs = (np.abs(away) * weight).sum(axis=1)
    ratio = np.where(own > theirs, own / np.maximum(theirs, 1e-12 * own + 1e-300), 1.0)
    return np.clip((DISTRUSTED - ratio) / (DISTRUSTED - TRUSTED), 0, 1)
