"""Latency sketch: DDSketch in columns, so that millions of values fold in one group-by.

A value x > 0 falls into bucket ceil(log_gamma(x)) with gamma = (1 + a) / (1 - a). Any quantile
read back is within the relative error a = 1 % of the exact one, and sketches merge by adding
counts, without further error. Buckets and quantiles equal those of the `ddsketch` package with
its logarithmic mapping.

Source: Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", PVLDB 12(12), 2019.
"""

import math
from collections.abc import Mapping, Sequence

import polars as pl

RELATIVE_ERROR = 0.01
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(GAMMA)

# Below a nanosecond a duration is a clock artefact: all such values share the bucket of zero.
SMALLEST_MS = 1e-6
ZERO_BUCKET = -(1 << 15)


def bucket_of(column: str) -> pl.Expr:
    """Bucket number (Int32) of each value >= 0."""
    value = pl.col(column)
    return (
        pl.when(value > SMALLEST_MS)
        .then((value.log() / _LOG_GAMMA).ceil())
        .otherwise(ZERO_BUCKET)
        .cast(pl.Int32)
    )


def quantiles(sketch: pl.DataFrame, by: Sequence[str], levels: Mapping[str, float]) -> pl.DataFrame:
    """One row per group of `by` with a column per level: name → q in [0, 1].

    `sketch` is long: the columns of `by`, `bucket` (Int32) and `count` (Int64), in any order and
    with repeated buckets, so unmerged sketches of one group may simply be stacked.
    """
    ordered = sketch.group_by(*by, "bucket").agg(pl.col("count").sum()).sort(*by, "bucket")
    ranked = ordered.with_columns(
        running=pl.col("count").cum_sum().over(by), total=pl.col("count").sum().over(by)
    )
    value = (
        pl.when(pl.col("bucket") == ZERO_BUCKET)
        .then(0.0)
        .otherwise(pl.lit(GAMMA).pow(pl.col("bucket")) * (2 / (1 + GAMMA)))
    )
    return ranked.group_by(by, maintain_order=True).agg(
        value.filter(pl.col("running") > q * (pl.col("total") - 1)).first().alias(name)
        for name, q in levels.items()
    )
