"""Drift: has the world moved away from what the champion has learnt, so that learning again pays.

Three questions, each answered as a share of series: do values still look as in training (data), are
residuals still as large as the bundle says (residual), do p-values come as often as they say
(calibration). An incident moves some series; a world that has changed moves many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from vigil.backtest.trial import STRANGE_P

# Share of drifted series from which it matters, and from which the model is of little use.
MATTERS, GRAVE = 0.25, 0.5
# Residuals this many times as wide as in training, or as far off on one side.
MOST_WIDER, MOST_BIAS = 2.0, 1.0
# p-values at or below STRANGE_P may come this many times as often.
MOST_STRANGE = 3.0
LEAST_WINDOWS = 100
LEAST_SERIES = 4


@dataclass(frozen=True, slots=True)
class Drift:
    """How many of the compared series have drifted; too few of them say nothing."""

    drifted: int
    compared: int

    @property
    def share(self) -> float:
        """0 to 1; 0 where too few series can be compared."""
        return self.drifted / self.compared if self.compared >= LEAST_SERIES else 0.0

    @property
    def matters(self) -> bool:
        """Learn again."""
        return self.share > MATTERS

    @property
    def grave(self) -> bool:
        """Until then, do not rely on it."""
        return self.share > GRAVE

    @property
    def words(self) -> str:
        """For people."""
        if self.compared < LEAST_SERIES:
            return f"{self.compared} series to compare, at least {LEAST_SERIES} are needed"
        return f"{self.drifted} of {self.compared} series drifted ({self.share:.0%})"


def residual_drift(scores: pl.DataFrame, spread: Mapping[int, float]) -> tuple[Drift, pl.DataFrame]:
    """Drift of what the champion's expectations leave over, and the figures of each series.

    `scores`: series_id, actual, expected of the champion's windows; `spread`: series_id → robust
    standard deviation of residuals in training. The figures: series_id, windows, width (times as
    wide as in training), bias (medians off, in spreads of training), drifted; the widest first.
    """
    trained = pl.DataFrame(
        {"series_id": list(spread), "spread": list(spread.values())},
        schema={"series_id": pl.Int64, "spread": pl.Float64},
    ).filter(pl.col("spread") > 0)
    residual = pl.col("actual") - pl.col("expected")
    figures = (
        scores.drop_nulls(["actual", "expected"])
        .join(trained, on="series_id")
        .with_columns(residual=residual / pl.col("spread"))
        .group_by("series_id")
        .agg(
            windows=pl.len(),
            width=1.4826 * pl.col("residual").abs().median(),
            bias=pl.col("residual").median(),
        )
        .filter(pl.col("windows") >= LEAST_WINDOWS)
        .with_columns(drifted=(pl.col("width") > MOST_WIDER) | (pl.col("bias").abs() > MOST_BIAS))
        .sort("width", "series_id", descending=[True, False])
    )
    return Drift(int(figures["drifted"].sum()), figures.height), figures


def calibration_drift(counts: Sequence[tuple[int, int]]) -> Drift:
    """Drift of p-values, from (windows, windows with p <= STRANGE_P) of each series.

    >>> calibration_drift([(1_000, 10), (1_000, 60), (1_000, 9), (1_000, 70)]).share
    0.5
    """
    rates = [strange / windows for windows, strange in counts if windows >= LEAST_WINDOWS]
    return Drift(sum(rate > MOST_STRANGE * STRANGE_P for rate in rates), len(rates))
