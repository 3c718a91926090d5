"""The time of each hop: a span's own share of its duration, and who it called meanwhile."""

import polars as pl


def with_self_time(spans: pl.DataFrame) -> pl.DataFrame:
    """Linked spans with `self_ms` and `callee`.

    `self_ms`: the part of the duration during which no child ran; children that overlap count
    once, and only inside their parent. `callee`: for a span that is nothing but a call of another
    service (a client span, or one without kind whose only child is elsewhere), that service; then
    `self_ms` is network and queue between the two. Null otherwise.
    """
    parents = spans.select(
        parent_row="row", parent_start="start_us", parent_end="end_us", parent_component="component"
    )
    children = (
        spans.filter(pl.col("parent_row").is_not_null())
        .select("parent_row", "start_us", "end_us", "component")
        .join(parents, on="parent_row")
        .with_columns(
            begin=pl.max_horizontal("start_us", "parent_start"),
            finish=pl.min_horizontal("end_us", "parent_end"),
        )
        .sort("parent_row", "begin")
        .with_columns(covered=pl.col("finish").cum_max().shift(1).over("parent_row").fill_null(0))
        .group_by("parent_row")
        .agg(
            busy_us=(pl.col("finish") - pl.max_horizontal("begin", "covered")).clip(0).sum(),
            children=pl.len(),
            callee=pl.col("component").first(),
            remote=(pl.col("component") != pl.col("parent_component")).all(),
        )
    )
    only_call = pl.col("kind").is_in(["client", "producer"]) | (
        pl.col("kind").is_null() & (pl.col("children") == 1)
    )
    return (
        spans.join(
            children, left_on="row", right_on="parent_row", how="left", maintain_order="left"
        )
        .with_columns(
            self_ms=(pl.col("duration_ms") - pl.col("busy_us").fill_null(0) / 1_000).clip(0),
            callee=pl.when(pl.col("remote") & only_call).then("callee"),
        )
        .drop("busy_us", "children", "remote")
    )
