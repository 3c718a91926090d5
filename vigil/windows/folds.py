"""What a window remembers: partial aggregates that merge by themselves, and their closing.

A fold turns records into *parts*: frames keyed by (id, window_start) that can be stacked and
merged in any order. Closing turns merged parts into one row per window.
"""

from collections.abc import Mapping
from typing import Protocol

import polars as pl

from vigil.windows.sketch import bucket_of, quantiles

Parts = dict[str, pl.DataFrame]

WORST_TRACES = 3
LATENCY_LEVELS = {"latency_ms_p50": 0.50, "latency_ms_p95": 0.95, "latency_ms_p99": 0.99}


class Fold(Protocol):
    """How records of one topic become windows; `id_name` names the column that keys them,
    `count_name` the one of the part `sums` that says how many records there were.
    """

    id_name: str
    count_name: str
    fills_silence: bool

    def empty(self) -> Parts:
        """Parts of no records."""
        ...

    def partial(self, records: pl.DataFrame) -> Parts:
        """Parts of records that carry `id_name` and `window_start` (epoch µs)."""
        ...

    def merge(self, parts: Parts) -> Parts:
        """One row per (id, window) and sub-key, from stacked parts."""
        ...

    def close(self, parts: Parts) -> pl.DataFrame:
        """One row per (id, window), from merged parts."""
        ...


def _schemas(id_name: str, parts: Mapping[str, Mapping[str, type[pl.DataType]]]) -> Parts:
    keys = {id_name: pl.Int64, "window_start": pl.Int64}
    return {name: pl.DataFrame(schema={**keys, **columns}) for name, columns in parts.items()}


class RequestFold:
    """Requests: counts, errors, sums, a latency sketch and the ids of the worst traces."""

    id_name = "key_id"
    count_name = "requests"
    fills_silence = True
    _keys = ("key_id", "window_start")

    def empty(self) -> Parts:
        return _schemas(
            self.id_name,
            {
                "sums": {
                    "requests": pl.Int64,
                    "errors": pl.Int64,
                    "duration_ms_sum": pl.Float64,
                    "duration_ms_max": pl.Float64,
                    "request_bytes": pl.Int64,
                    "response_bytes": pl.Int64,
                },
                "sketch": {"bucket": pl.Int32, "count": pl.Int64},
                "worst": {"failed": pl.Boolean, "duration_ms": pl.Float64, "trace_id": pl.String},
            },
        )

    def partial(self, records: pl.DataFrame) -> Parts:
        failed = (pl.col("status") >= 500).fill_null(False) | pl.col("error").is_not_null()
        marked = records.select(
            *self._keys,
            "duration_ms",
            "trace_id",
            "request_bytes",
            "response_bytes",
            failed=failed,
            bucket=bucket_of("duration_ms"),
        )
        sums = marked.group_by(self._keys).agg(
            requests=pl.len().cast(pl.Int64),
            errors=pl.col("failed").sum().cast(pl.Int64),
            duration_ms_sum=pl.col("duration_ms").sum(),
            duration_ms_max=pl.col("duration_ms").max(),
            request_bytes=pl.col("request_bytes").sum(),
            response_bytes=pl.col("response_bytes").sum(),
        )
        sketch = marked.group_by(*self._keys, "bucket").agg(count=pl.len().cast(pl.Int64))
        worst = marked.filter(pl.col("trace_id").is_not_null())
        return {"sums": sums, "sketch": sketch, "worst": self._worst(worst)}

    def merge(self, parts: Parts) -> Parts:
        sums = (
            parts["sums"]
            .group_by(self._keys)
            .agg(
                pl.col("requests", "errors", "duration_ms_sum").sum(),
                pl.col("duration_ms_max").max(),
                pl.col("request_bytes", "response_bytes").sum(),
            )
        )
        sketch = parts["sketch"].group_by(*self._keys, "bucket").agg(pl.col("count").sum())
        return {"sums": sums, "sketch": sketch, "worst": self._worst(parts["worst"])}

    def _worst(self, requests: pl.DataFrame) -> pl.DataFrame:
        # Sorting is dear: first drop what is faster than the slowest few of its kind.
        kind = (*self._keys, "failed")
        least = pl.col("duration_ms").top_k(WORST_TRACES).min().over(kind)
        # The trace id breaks ties, so that the choice does not depend on the order of arrival.
        ranked = requests.filter(pl.col("duration_ms") >= least).sort(
            "failed", "duration_ms", "trace_id", descending=True
        )
        return (
            ranked.select(*self._keys, "failed", "duration_ms", "trace_id")
            .group_by(self._keys, maintain_order=True)
            .head(WORST_TRACES)
        )

    def close(self, parts: Parts) -> pl.DataFrame:
        sketch = parts["sketch"].sort(*self._keys, "bucket")
        lists = sketch.group_by(self._keys).agg(
            sketch_buckets=pl.col("bucket"), sketch_counts=pl.col("count")
        )
        worst = (
            parts["worst"]
            .sort("failed", "duration_ms", "trace_id", descending=True)
            .group_by(self._keys, maintain_order=True)
            .agg(worst_traces=pl.col("trace_id"))
        )
        closed = parts["sums"]
        for piece in (quantiles(sketch, self._keys, LATENCY_LEVELS), lists, worst):
            closed = closed.join(piece, on=self._keys, how="left")
        return closed.with_columns(
            pl.col("sketch_buckets", "sketch_counts", "worst_traces").fill_null([])
        )


class MetricFold:
    """Outside metrics: number of points, sum and range."""

    id_name = "series_id"
    count_name = "points"
    fills_silence = False
    _keys = ("series_id", "window_start")

    def empty(self) -> Parts:
        return _schemas(
            self.id_name,
            {
                "sums": {
                    "points": pl.Int64,
                    "value_sum": pl.Float64,
                    "value_min": pl.Float64,
                    "value_max": pl.Float64,
                }
            },
        )

    def partial(self, records: pl.DataFrame) -> Parts:
        value = pl.col("value")
        sums = records.group_by(self._keys).agg(
            points=pl.len().cast(pl.Int64),
            value_sum=value.sum(),
            value_min=value.min(),
            value_max=value.max(),
        )
        return {"sums": sums}

    def merge(self, parts: Parts) -> Parts:
        sums = (
            parts["sums"]
            .group_by(self._keys)
            .agg(
                pl.col("points", "value_sum").sum(),
                pl.col("value_min").min(),
                pl.col("value_max").max(),
            )
        )
        return {"sums": sums}

    def close(self, parts: Parts) -> pl.DataFrame:
        return parts["sums"]


class LineFold:
    """Log lines: how many. A window looks like that of a metric with one point, the count."""

    id_name = "series_id"
    count_name = "lines"
    fills_silence = True
    _keys = ("series_id", "window_start")

    def empty(self) -> Parts:
        return _schemas(self.id_name, {"sums": {"lines": pl.Int64}})

    def partial(self, records: pl.DataFrame) -> Parts:
        return {"sums": records.group_by(self._keys).agg(pl.col("lines").sum())}

    def merge(self, parts: Parts) -> Parts:
        return {"sums": parts["sums"].group_by(self._keys).agg(pl.col("lines").sum())}

    def close(self, parts: Parts) -> pl.DataFrame:
        lines = pl.col("lines").cast(pl.Float64)
        return parts["sums"].select(
            *self._keys,
            points=pl.lit(1, pl.Int64),
            value_sum=lines,
            value_min=lines,
            value_max=lines,
        )
