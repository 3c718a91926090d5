"""Clocks of different machines, aligned by what must be true: a call lies inside its caller."""

import polars as pl

# The share of calls on each side that may break the bounds: answers after time-outs, retries.
OUTLIERS = 0.05
LEAST_CALLS = 5


def align_clocks(spans: pl.DataFrame, clock: str = "component") -> pl.DataFrame:
    """Linked spans with `start_us` and `end_us` on one clock, and `skew_us`, what was added.

    `clock`: the column that says whose clock stamped a span. A synchronous child must begin after
    its parent and end before it; each call so bounds the offset between two clocks from both
    sides. Where 0 is within the bounds of nearly all calls nothing is moved; else the middle of
    the bounds is the estimate, good to half the time that calls spend on the wire. Offsets add up
    along the calls that are most frequent, from the clock of most roots.
    """
    offset = _offsets(spans, clock)
    moved = pl.col(clock).replace_strict(offset, default=0, return_dtype=pl.Int64)
    return spans.with_columns(skew_us=moved).with_columns(
        start_us=pl.col("start_us") + pl.col("skew_us"), end_us=pl.col("end_us") + pl.col("skew_us")
    )


def _offsets(spans: pl.DataFrame, clock: str) -> dict[str, int]:
    """µs to add to the stamps of each clock."""
    between = _offset_between(spans, clock)
    roots = spans.filter(pl.col("link") == "root")[clock].value_counts(sort=True)
    offset: dict[str, int] = {}
    for root in roots[clock]:
        offset.setdefault(root, 0)
        # Prim's tree over a handful of clocks, the best known calls first.
        while reached := [pair for pair in between if (pair[0] in offset) != (pair[1] in offset)]:
            parent, child, added = reached[0]
            if parent in offset:
                offset[child] = offset[parent] + added
            else:
                offset[parent] = offset[child] - added
    return offset


def _offset_between(spans: pl.DataFrame, clock: str) -> list[tuple[str, str, int]]:
    """(caller's clock, callee's clock, µs to add to the callee's), most calls first."""
    parents = spans.select(
        parent_row="row", above=clock, above_start="start_us", above_end="end_us"
    )
    calls = (
        spans.filter((pl.col("kind") != "consumer").fill_null(True))
        .join(parents, on="parent_row")
        .filter(
            (pl.col("above") != pl.col(clock))
            & (pl.col("end_us") - pl.col("start_us") <= pl.col("above_end") - pl.col("above_start"))
        )
    )
    bounds = (
        calls.group_by("above", clock)
        .agg(
            calls=pl.len(),
            least=(pl.col("above_start") - pl.col("start_us")).quantile(1 - OUTLIERS),
            most=(pl.col("above_end") - pl.col("end_us")).quantile(OUTLIERS),
        )
        .filter(pl.col("calls") >= LEAST_CALLS)
        .sort("calls", "above", clock, descending=[True, False, False])
    )
    fine = (pl.col("least") <= 0) & (pl.col("most") >= 0)
    middle = ((pl.col("least") + pl.col("most")) / 2).round().cast(pl.Int64)
    return bounds.select("above", clock, pl.when(fine).then(0).otherwise(middle)).rows()
