"""The service graph: who calls whom, minute by minute."""

from collections.abc import Sequence

import polars as pl

EDGES: dict[str, pl.DataType | type[pl.DataType]] = {
    "window_start": pl.Datetime("us", "UTC"),
    "caller": pl.String,
    "service": pl.String,
    "environment": pl.String,
    "requests": pl.Int64,
    "errors": pl.Int64,
    "duration_ms_sum": pl.Float64,
    "duration_ms_max": pl.Float64,
}


def edge_metrics(batches: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Requests (schema EVENTS, the callee's side) to edges, one row a minute and call (`EDGES`).

    The caller is the request's `peer_service`, empty where a user or an unknown calls; a missing
    environment is empty too. Rows of several calls of this function add up: counts and sums by
    sum, the maximum by maximum.
    """
    if not batches:
        return pl.DataFrame(schema=EDGES)
    failed = pl.col("error").is_not_null() | (pl.col("status") >= 500).fill_null(False)
    return (
        pl.concat(batches, how="diagonal_relaxed")
        .group_by(
            window_start=pl.col("time").dt.truncate("1m"),
            caller=pl.col("peer_service").fill_null(""),
            service="service",
            environment=pl.col("environment").fill_null(""),
        )
        .agg(
            requests=pl.len().cast(pl.Int64),
            errors=failed.sum().cast(pl.Int64),
            duration_ms_sum=pl.col("duration_ms").sum(),
            duration_ms_max=pl.col("duration_ms").max(),
        )
        .select(list(EDGES))
    )
