"""Journeys minute by minute, out of complete traces."""

from typing import Any

import polars as pl

from vigil.journeys.links import link_spans
from vigil.journeys.paths import with_journey, with_path

JOURNEYS: dict[str, Any] = {
    "window_start": pl.Datetime("us", "UTC"),
    "journey": pl.String,
    "traces": pl.Float64,
    "errors": pl.Float64,
    "broken": pl.Float64,
    "duration_ms_sum": pl.Float64,
    "duration_ms_max": pl.Float64,
}


def journey_minutes(spans: pl.DataFrame) -> pl.DataFrame:
    """Spans of whole traces to one row a journey and minute (`JOURNEYS`).

    The minute is that in which the trace began. `errors`: traces whose first root failed;
    `broken`: of which a span had no parent there. All counts and sums are of `weight`, how many
    traces each span's trace stands for. Rows of several calls add up: the maximum by maximum.
    """
    if spans.is_empty():
        return pl.DataFrame(schema=JOURNEYS)
    named = with_journey(with_path(link_spans(spans)))
    weight = pl.col("weight")
    return (
        named.filter(pl.col("depth") == 0)
        .sort("start_us", "row")
        .group_by("journey", "trace_id", maintain_order=True)
        .agg(
            pl.col("weight", "failed", "duration_ms", "time").first(),
            broken=(pl.col("link") != "root").any(),
        )
        .group_by("journey", window_start=pl.col("time").dt.truncate("1m"), maintain_order=True)
        .agg(
            traces=weight.sum(),
            errors=(weight * pl.col("failed")).sum(),
            broken=(weight * pl.col("broken")).sum(),
            duration_ms_sum=(weight * pl.col("duration_ms")).sum(),
            duration_ms_max=pl.col("duration_ms").max(),
        )
        .select(pl.col(name).cast(kind) for name, kind in JOURNEYS.items())
    )
