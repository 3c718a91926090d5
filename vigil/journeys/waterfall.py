"""One trace as a waterfall: each hop with its own time, and how much more that is than usual."""

from typing import Any

import polars as pl

# A hop seen less often than this on its journey is compared with all journeys.
LEAST_SAMPLES = 5

_HOP = ("component", "operation", "callee")


def waterfall(spans: pl.DataFrame, trace_id: str, before_us: int) -> pl.DataFrame:
    """The trace's spans, callers above callees, siblings by time; empty where it is not there.

    `spans`: of `journeys_of`, the trace and others. What is usual is the median `self_ms` of the
    same hop in traces that began before `before_us` (epoch µs), of the same journey where there
    are five, else of all. Adds to the columns of `spans`: `start_ms` (from the trace's first
    span), `expected_self_ms` (null where the hop was not seen before), `excess_ms` (self time
    beyond it, negative where faster) and `samples`.
    """
    mine = spans.filter(pl.col("trace_id") == trace_id)
    if mine.is_empty():
        return mine
    others = spans.filter(
        (pl.col("trace_id") != trace_id) & (pl.col("start_us").min().over("trace_id") < before_us)
    )
    begin_us = pl.col("start_us").min()
    return (
        _in_order(mine)
        .pipe(_with_usual, others)
        .with_columns(
            start_ms=(pl.col("start_us") - begin_us) / 1_000,
            excess_ms=pl.col("self_ms") - pl.col("expected_self_ms"),
        )
    )


def _in_order(mine: pl.DataFrame) -> pl.DataFrame:
    """Depth first, by start."""
    below: dict[int | None, list[int]] = {}
    by_start = mine.sort("start_us", "row").select("row", "parent_row")
    for row, parent in by_start.iter_rows():
        below.setdefault(parent, []).append(row)
    order: list[int] = []
    waiting = list(reversed(below.get(None, [])))
    while waiting:
        row = waiting.pop()
        order.append(row)
        waiting += reversed(below.get(row, []))
    return pl.DataFrame({"row": order}, schema={"row": pl.Int64}).join(
        mine, on="row", how="left", maintain_order="left"
    )


def _with_usual(mine: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    usual = [
        others.group_by(*keys).agg(
            pl.col("self_ms").median().alias(f"usual_{name}"), pl.len().alias(f"samples_{name}")
        )
        for name, keys in (("journey", ("journey", *_HOP)), ("all", _HOP))
    ]
    joined = mine
    for frame in usual:
        keys = [name for name in ("journey", *_HOP) if name in frame.columns]
        joined = joined.join(frame, on=keys, how="left", nulls_equal=True, maintain_order="left")
    enough = (pl.col("samples_journey") >= LEAST_SAMPLES).fill_null(False)
    chosen: dict[str, Any] = {
        "expected_self_ms": pl.when(enough).then("usual_journey").otherwise("usual_all"),
        "samples": pl.when(enough).then("samples_journey").otherwise("samples_all").fill_null(0),
    }
    return joined.with_columns(**chosen).drop(
        "usual_journey", "samples_journey", "usual_all", "samples_all"
    )
