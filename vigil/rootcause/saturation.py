"""Which service's resources fill up: the headroom that was lost, from utilisation metrics.

Source of the idea: the USE method (Gregg 2013), utilisation before anything else.
"""

from datetime import datetime

import polars as pl

# The usual peak, not the highest: that may be an earlier incident.
USUAL_QUANTILE = 0.9
NEWEST_SAMPLES = 120

NO_SATURATION = pl.DataFrame(
    schema={
        "component": pl.String,
        "metric": pl.String,
        "actual": pl.Float64,
        "usual": pl.Float64,
        "score": pl.Float64,
    }
)


def blame_saturation(metrics: pl.DataFrame, at: datetime, until: datetime) -> pl.DataFrame:
    """Blame of each component: `component`, `metric`, `usual`, `actual` (0 to 1), `score` (0 to 1).

    `metrics`: schema METRICS. Read are metrics whose name says `utilization`: shares of a limit.
    The score is the part of the usual headroom that the highest value from `at` to `until` takes.
    """
    name = [column for column in ("service", "environment") if column in metrics.columns]
    shares = metrics.with_columns(
        component=pl.concat_str(name, separator="@", ignore_nulls=True)
    ).filter(pl.col("metric").str.contains("utili[sz]ation") & (pl.col("time") < until))
    usual = (
        shares.filter(pl.col("time") < at)
        .sort("time")
        .group_by("component", "metric")
        .agg(usual=pl.col("value").tail(NEWEST_SAMPLES).quantile(USUAL_QUANTILE))
    )
    return (
        shares.filter(pl.col("time") >= at)
        .group_by("component", "metric")
        .agg(actual=pl.col("value").max())
        .join(usual, on=["component", "metric"])
        .with_columns(
            score=((pl.col("actual") - pl.col("usual")) / (1 - pl.col("usual")).clip(0.05)).clip(
                0, 1
            )
        )
        .sort("score", "component", descending=[True, False])
        .unique("component", keep="first", maintain_order=True)
    )
