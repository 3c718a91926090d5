"""The service graph: who calls whom, minute by minute."""

import polars as pl

_NAMES = ("peer_service", "service", "environment")
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


def edge_metrics(requests: pl.DataFrame) -> pl.DataFrame:
    """Requests (schema EVENTS, the callee's side) to edges, one row a minute and call (`EDGES`).

    The caller is the request's `peer_service`, empty where a user or an unknown calls; a missing
    environment is empty too. Where requests have a `call_id`, which has one caller, service and
    environment, it saves looking at the names of each. See `added_up` for several parts.
    """
    minute = pl.col("time").dt.truncate("1m").alias("window_start")
    failed = pl.col("error").is_not_null() | (pl.col("status") >= 500).fill_null(False)
    by = ("call_id",) if "call_id" in requests.columns else _NAMES
    calls = requests.group_by(minute, *by).agg(
        *(pl.col(name).first() for name in _NAMES if name not in by),
        requests=pl.len().cast(pl.Int64),
        errors=failed.sum().cast(pl.Int64),
        duration_ms_sum=pl.col("duration_ms").sum(),
        duration_ms_max=pl.col("duration_ms").max(),
    )
    named = calls.with_columns(
        pl.col("environment").fill_null(""), caller=pl.col("peer_service").fill_null("")
    )
    return added_up(named)


def added_up(edges: pl.DataFrame) -> pl.DataFrame:
    """Edges of several parts of the stream, one row a minute and call."""
    return (
        edges.group_by("window_start", "caller", "service", "environment")
        .agg(pl.col("requests", "errors", "duration_ms_sum").sum(), pl.col("duration_ms_max").max())
        .select(list(EDGES))
    )
