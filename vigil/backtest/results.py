"""Results of backtests, and the choice that follows from them.

Forecasters pay for what they cost: a tenfold time must buy 2 % of error, a tenfold memory 1 %. So
of two that are about as good the cheap one wins, and a model that is really better may cost more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FORECASTER, DETECTOR = "forecaster", "detector"
SPARSE = " (sparse)"
# Below these nothing is saved any more.
FREE_FIT_S, FREE_MIB = 1e-3, 1.0
TIME_PRICE, MEMORY_PRICE = 0.02, 0.01


@dataclass(frozen=True, slots=True)
class FoldResult:
    """One candidate on one fold of one group of series; `failed` counts series it gave up on.

    fit_s: CPU seconds a series, model and forecast. peak_mib: memory that one fit allocates at its
    peak, from Python and numpy; 0 where it was not measured.
    """

    candidate: str
    role: str
    library: str
    series_group: str
    fold: int
    scores: Mapping[str, float]
    fit_s: float
    failed: int = 0
    peak_mib: float = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A candidate's place in its group.

    score: mean of the deciding number over the folds. mase: that of forecasters, NaN for detectors.
    fit_s: the least of the folds, as the first one also loads the library. priced: the score with
    what it costs, by which forecasters are ranked.
    """

    candidate: str
    library: str
    series_group: str
    role: str
    score: float
    mase: float
    fit_s: float
    peak_mib: float
    priced: float


def deciding(role: str, series_group: str) -> tuple[str, bool]:
    """The number that decides in a role and group, and whether less of it is better.

    Absolute errors reward a forecast of zero for series that are mostly zero; squared ones do not
    (Kolassa, "Evaluating predictive count data distributions in retail sales forecasting",
    International Journal of Forecasting 32(3), 2016).
    """
    if role == DETECTOR:
        return "average_precision", False
    return ("rmsse" if series_group.endswith(SPARSE) else "mase"), True


def priced(score: float, fit_s: float, peak_mib: float) -> float:
    """An error with what it costs to get it.

    >>> priced(1.0, fit_s=0.001, peak_mib=1.0), priced(1.0, fit_s=0.1, peak_mib=10.0)
    (1.0, 1.05)
    """
    time_price = TIME_PRICE * np.log10(max(fit_s / FREE_FIT_S, 1.0))
    return float(score * (1 + time_price + MEMORY_PRICE * np.log10(max(peak_mib / FREE_MIB, 1.0))))


def standings(results: Sequence[FoldResult]) -> list[Standing]:
    """Best first within each role and group; candidates that failed a series come last."""
    groups: dict[tuple[str, str, str, str], list[FoldResult]] = {}
    for result in results:
        key = (result.role, result.series_group, result.candidate, result.library)
        groups.setdefault(key, []).append(result)
    rows = []
    for (role, group, candidate, library), folds in groups.items():
        name, less = deciding(role, group)
        failed = any(fold.failed for fold in folds)
        worst = np.inf if less else -np.inf
        score = worst if failed else float(np.mean([fold.scores[name] for fold in folds]))
        fit_s = min(fold.fit_s for fold in folds)
        peak_mib = max(fold.peak_mib for fold in folds)
        mase = float(np.mean([fold.scores.get("mase", np.nan) for fold in folds]))
        cost = priced(score, fit_s, peak_mib) if less else score
        rows.append(
            Standing(candidate, library, group, role, score, mase, fit_s, peak_mib, cost)
        )  # fmt: skip
    return sorted(
        rows,
        key=lambda row: (
            row.role, row.series_group,
            row.priced if deciding(row.role, row.series_group)[1] else -row.priced, row.candidate,
        ),
    )  # fmt: skip


def winners(results: Sequence[FoldResult], role: str) -> dict[str, Standing]:
    """Group → the best standing in that role."""
    best: dict[str, Standing] = {}
    for row in standings(results):
        if row.role == role:
            best.setdefault(row.series_group, row)
    return best
