"""Is the data fit to learn from: complete, and like it was?"""

from datetime import timedelta

import polars as pl
from scipy.stats import ks_2samp

# With thousands of windows a tiny shift is significant: its size has to matter as well.
P_DRIFT = 1e-3
DISTANCE = 0.3
LEAST_WINDOWS = 100


def completeness(observations: pl.DataFrame) -> float:
    """Share of windows present among those between each series' first and last, 0 to 1."""
    steps = (
        observations.sort("series_id", "window_start")
        .group_by("series_id")
        .agg(
            present=pl.len(),
            step=pl.col("window_start").diff().dt.total_seconds().median(),
            span=(pl.col("window_start").max() - pl.col("window_start").min()).dt.total_seconds(),
        )
        .filter(pl.col("step") > 0)
    )
    expected = (steps["span"] / steps["step"]).round() + 1
    return float(steps["present"].sum()) / float(expected.sum()) if steps.height else 1.0


def drifted_series(observations: pl.DataFrame) -> tuple[int, int]:
    """(series whose last day differs from the days before, series compared)."""
    drifted = compared = 0
    for _, rows in observations.drop_nulls("value").group_by("series_id"):
        last = rows["window_start"].max()
        recent = pl.col("window_start") > pl.lit(last) - timedelta(days=1)
        before, now = rows.filter(~recent)["value"], rows.filter(recent)["value"]
        if min(len(before), len(now)) < LEAST_WINDOWS:
            continue
        result = ks_2samp(before.to_numpy(), now.to_numpy())
        compared += 1
        drifted += bool(result.pvalue < P_DRIFT and result.statistic > DISTANCE)
    return drifted, compared
