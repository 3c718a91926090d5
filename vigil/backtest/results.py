"""Results of backtests, and the choice that follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FORECASTER, DETECTOR = "forecaster", "detector"
# The number that decides in each role, and whether less of it is better.
DECIDING = {FORECASTER: ("mase", True), DETECTOR: ("average_precision", False)}


@dataclass(frozen=True, slots=True)
class FoldResult:
    """One candidate on one fold of one group of series; `failed` counts series it gave up on."""

    candidate: str
    role: str
    library: str
    series_group: str
    fold: int
    scores: Mapping[str, float]
    fit_s: float
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """A candidate's place in its group: mean of the deciding number over the folds."""

    candidate: str
    library: str
    series_group: str
    role: str
    score: float
    fit_s: float


def standings(results: Sequence[FoldResult]) -> list[Standing]:
    """Best first within each role and group; candidates that failed a series come last."""
    groups: dict[tuple[str, str, str, str], list[FoldResult]] = {}
    for result in results:
        key = (result.role, result.series_group, result.candidate, result.library)
        groups.setdefault(key, []).append(result)
    rows = []
    for (role, group, candidate, library), folds in groups.items():
        name, less = DECIDING[role]
        failed = any(fold.failed for fold in folds)
        worst = np.inf if less else -np.inf
        score = worst if failed else float(np.mean([fold.scores[name] for fold in folds]))
        fit_s = float(np.mean([fold.fit_s for fold in folds]))
        rows.append(Standing(candidate, library, group, role, score, fit_s))
    return sorted(
        rows,
        key=lambda row: (
            row.role, row.series_group, row.score if DECIDING[row.role][1] else -row.score,
            row.candidate,
        ),
    )  # fmt: skip


def winners(results: Sequence[FoldResult], role: str) -> dict[str, Standing]:
    """Group → the best standing in that role."""
    best: dict[str, Standing] = {}
    for row in standings(results):
        if row.role == role:
            best.setdefault(row.series_group, row)
    return best
