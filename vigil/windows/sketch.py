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

import numpy as np
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

    `sketch` is long and merged: the columns of `by`, `bucket` (Int32) and `count` (Int64, > 0),
    sorted by all but the last; a bucket comes once in its group.
    """
    first = first_rows(sketch, by)
    counts = sketch["count"].to_numpy()
    running = counts.cumsum()
    total = np.add.reduceat(counts, first) if len(first) else counts
    before = np.concatenate(([0], total.cumsum()))[:-1] if len(first) else total
    buckets = sketch["bucket"].to_numpy()
    values = {
        # The value of rank q·(n - 1), counted from 0, lies in the first bucket that exceeds it.
        name: value_of(buckets[np.searchsorted(running, before + q * (total - 1), side="right")])
        for name, q in levels.items()
    }
    return sketch.select(by)[first].with_columns(
        pl.Series(name, column, pl.Float64) for name, column in values.items()
    )


def first_rows(ordered: pl.DataFrame, by: Sequence[str]) -> np.ndarray:
    """Row numbers where a group of `by` begins, in a frame sorted by it."""
    begins = np.zeros(ordered.height, bool)
    begins[:1] = True
    for name in by:
        column = ordered[name].to_numpy()
        begins[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(begins)


def value_of(buckets: np.ndarray) -> np.ndarray:
    """The value that a bucket stands for: within 1 % of all that fell into it."""
    return np.where(buckets == ZERO_BUCKET, 0.0, GAMMA ** buckets.astype(float) * 2 / (1 + GAMMA))
