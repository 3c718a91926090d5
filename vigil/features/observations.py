"""Windows to observations: one row per series and window, the form that models and scores use."""

import polars as pl

# Which metrics of a request window are scored; p50 and p99 move with p95 and would only
# double its alerts.
SCORED_METRICS = ("request_rate", "error_ratio", "latency_ms_p95")

OBSERVATIONS = {
    "key_id": pl.Int64,
    "metric": pl.String,
    "window_start": pl.Datetime("us", "UTC"),
    "revision": pl.Int32,
    "value": pl.Float64,
    "weight": pl.Float64,
}


def request_observations(windows: pl.DataFrame) -> pl.DataFrame:
    """The scored metrics of request windows, long form (schema OBSERVATIONS).

    `value` is requests/s, errors per request (0 to 1), or ms; null where the window has no
    requests to measure. `weight` is the number of requests behind the value.
    """
    requests = pl.col("requests")
    measured = windows.select(
        "key_id",
        "window_start",
        pl.col("revision").cast(pl.Int32),
        weight=requests.cast(pl.Float64),
        request_rate=requests / pl.col("window_s"),
        error_ratio=pl.when(requests > 0).then(pl.col("errors") / requests),
        latency_ms_p95=pl.col("latency_ms_p95"),
    )
    return measured.unpivot(
        on=list(SCORED_METRICS),
        index=["key_id", "window_start", "revision", "weight"],
        variable_name="metric",
    ).select(*OBSERVATIONS)


def metric_observations(windows: pl.DataFrame) -> pl.DataFrame:
    """The mean of each metric window, long form (schema OBSERVATIONS); weight 1."""
    return windows.select(
        "key_id",
        "metric",
        "window_start",
        pl.col("revision").cast(pl.Int32),
        value=pl.col("value_sum") / pl.col("points"),
        weight=pl.lit(1.0),
    )
