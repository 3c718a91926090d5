"""Journeys: what a user does, named by the way it takes across environments."""

import polars as pl

ARROW = " → "


def with_path(spans: pl.DataFrame) -> pl.DataFrame:
    """Linked spans with `path` (components from the root down, neighbours differ) and `crossings`
    (how often the environment changes on the way).

    Level by level over the distinct ways, of which there are few, not over the spans.
    """
    rows = spans.select("row", "parent_row", "depth", "component", "environment")
    level = rows.filter(pl.col("depth") == 0).select(
        "row",
        path="component",
        crossings=pl.lit(0, pl.Int32),
        at="component",
        place="environment",
    )
    found = [level]
    for depth in range(1, int(spans["depth"].max() or 0) + 1):  # type: ignore[arg-type]
        here = rows.filter(pl.col("depth") == depth).join(
            level, left_on="parent_row", right_on="row"
        )
        moved = pl.col("component") != pl.col("at")
        crossed = pl.col("environment").ne_missing(pl.col("place"))
        level = here.select(
            "row",
            path=pl.when(moved)
            .then(pl.concat_str("path", pl.lit(ARROW), "component"))
            .otherwise("path"),
            crossings=pl.col("crossings") + crossed.cast(pl.Int32),
            at="component",
            place="environment",
        )
        found.append(level)
    ways = pl.concat(found).select("row", "path", "crossings")
    return spans.join(ways, on="row", how="left", maintain_order="left")


def with_journey(spans: pl.DataFrame) -> pl.DataFrame:
    """Spans with a path, and `journey`: the same for all spans of a trace.

    The name is the root's operation and the way with most changes of environment, of those the
    longest: `POST /checkout: gateway@onprem → orders@aws → payments@azure`. A trace of pieces
    (its root was not seen) is named after the earliest piece.
    """
    longest = pl.col("path").str.count_matches(ARROW, literal=True)
    # There are few ways: they are put in order, not the spans.
    known = (
        spans.select("path", "crossings")
        .unique()
        .sort(pl.col("crossings"), longest, pl.col("path"), descending=[True, True, False])
        .with_row_index("rank")
    )
    ways = (
        spans.select("trace_id", "path", "crossings")
        .join(known, on=["path", "crossings"], nulls_equal=True)
        .group_by("trace_id")
        .agg(pl.col("rank").min())
        .join(known, on="rank")
    )
    begins = (
        spans.filter(pl.col("depth") == 0)
        .sort("start_us", "row")
        .group_by("trace_id", maintain_order=True)
        .agg(pl.col("operation").first())
    )
    named = ways.join(begins, on="trace_id").select(
        "trace_id", journey=pl.concat_str("operation", pl.lit(": "), "path")
    )
    return spans.join(named, on="trace_id", how="left", maintain_order="left")


def journey_table(spans: pl.DataFrame, duration_s: float) -> pl.DataFrame:
    """One row a journey, the most frequent first: `journey`, `traces`, `rate` (a second),
    `error_ratio` (of roots that failed), `latency_ms_p50`, `latency_ms_p95`, `environments`,
    `broken_ratio` (traces of which a piece lost its parent).

    `spans`: with `journey`; `weight`, if there, is how many traces each stands for (1 / sampling
    probability), so that rates and ratios are those of all requests. Quantiles are of the sample.
    """
    if "weight" not in spans.columns:
        spans = spans.with_columns(weight=pl.lit(1.0))
    begins = spans.filter(pl.col("depth") == 0).sort("start_us", "row")
    traces = begins.group_by("journey", "trace_id", maintain_order=True).agg(
        pl.col("weight").first(),
        pl.col("failed").first(),
        pl.col("duration_ms").first(),
        broken=(pl.col("link") != "root").any(),
    )
    places = spans.group_by("journey").agg(
        environments=pl.col("environment").drop_nulls().n_unique()
    )
    weight = pl.col("weight")
    return (
        traces.group_by("journey")
        .agg(
            traces=pl.len(),
            rate=weight.sum() / duration_s,
            error_ratio=(weight * pl.col("failed")).sum() / weight.sum(),
            latency_ms_p50=pl.col("duration_ms").median(),
            latency_ms_p95=pl.col("duration_ms").quantile(0.95),
            broken_ratio=(weight * pl.col("broken")).sum() / weight.sum(),
        )
        .join(places, on="journey")
        .sort("traces", "journey", descending=[True, False])
    )


def slowest_traces(spans: pl.DataFrame) -> pl.DataFrame:
    """The slowest trace of each journey: `journey`, `trace_id`, `start_us`, `duration_ms`.

    `spans`: with `journey`. A trace takes as long as its first root.
    """
    return (
        spans.filter(pl.col("depth") == 0)
        .sort("start_us", "row")
        .unique("trace_id", keep="first", maintain_order=True)
        .sort("duration_ms", "trace_id", descending=[True, False])
        .unique("journey", keep="first", maintain_order=True)
        .select("journey", "trace_id", "start_us", "duration_ms")
    )


def hop_table(spans: pl.DataFrame) -> pl.DataFrame:
    """Hops of each journey: `journey`, `component`, `operation`, `callee`, `requests`, `self_ms`,
    `critical_ms` (means a trace), `critical_share` (of the journey's time), weightiest first.

    `spans`: with `journey`, `self_ms`, `callee` and `critical_ms`.
    """
    traces = spans.group_by("journey").agg(traces=pl.col("trace_id").n_unique())
    whole = pl.col("critical_ms").sum().over("journey")
    return (
        spans.group_by("journey", "component", "operation", "callee")
        .agg(
            requests=pl.len(),
            self_ms=pl.col("self_ms").sum(),
            critical_ms=pl.col("critical_ms").sum(),
        )
        .with_columns(critical_share=pl.when(whole > 0).then(pl.col("critical_ms") / whole))
        .join(traces, on="journey")
        .with_columns(
            self_ms=pl.col("self_ms") / pl.col("traces"),
            critical_ms=pl.col("critical_ms") / pl.col("traces"),
        )
        .drop("traces")
        .sort("journey", "critical_ms", "component", descending=[False, True, False])
    )
