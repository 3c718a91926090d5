"""Spans to traces: each span finds its parent, whatever is late, lost, doubled or circular."""

import numpy as np
import polars as pl

from vigil.errors import InputError

NEEDED = ("time", "trace_id", "span_id", "parent_span_id", "service", "route", "duration_ms")
_OPTIONAL = ("environment", "kind", "method", "status", "error")


def link_spans(events: pl.DataFrame) -> pl.DataFrame:
    """The spans among events (schema EVENTS), one row a span, with their place in the trace.

    Adds `row` (0 to n−1), `parent_row` (null for a root), `depth` (0 for a root), `link`:
    `root`, `child`, `orphan` (its parent was not seen: lost, late or sampled away) or `cycle`
    (its ancestors include itself; the link is cut), `component` (service@environment),
    `operation` (method and route), `failed`, and `start_us`, `end_us` (epoch µs, int64).

    A span that was sent twice counts once. Requests without trace or span id are no spans and
    are left out. Raises InputError for missing columns.
    """
    missing = [name for name in NEEDED if name not in events.columns]
    if missing:
        raise InputError(f"spans need the columns {', '.join(NEEDED)}; missing: {missing}")
    spans = (
        events.with_columns(
            pl.lit(None, pl.String).alias(name) for name in _OPTIONAL if name not in events.columns
        )
        .filter(pl.col("trace_id").is_not_null() & pl.col("span_id").is_not_null())
        .unique(["trace_id", "span_id"], keep="first", maintain_order=True)
        .with_row_index("row")
        .with_columns(
            pl.col("row").cast(pl.Int64),
            component=pl.concat_str("service", "environment", separator="@", ignore_nulls=True),
            operation=pl.concat_str("method", "route", separator=" ", ignore_nulls=True),
            failed=pl.col("error").is_not_null() | (pl.col("status").cast(pl.Int32) >= 500),
            start_us=pl.col("time").dt.epoch("us"),
        )
        .with_columns(
            pl.col("failed").fill_null(False),
            end_us=pl.col("start_us") + (pl.col("duration_ms") * 1_000).round().cast(pl.Int64),
        )
    )
    parents = spans.select("trace_id", "span_id", parent_row="row")
    found = spans.select("trace_id", "parent_span_id").join(
        parents,
        left_on=["trace_id", "parent_span_id"],
        right_on=["trace_id", "span_id"],
        how="left",
        maintain_order="left",
    )["parent_row"]
    parent = found.fill_null(-1).to_numpy()
    depth, circular = depths(parent)
    named = spans["parent_span_id"].is_not_null().to_numpy()
    link = np.select([circular, parent >= 0, named], ["cycle", "child", "orphan"], default="root")
    parent = np.where(circular, -1, parent)
    return spans.with_columns(
        parent_row=pl.Series(parent).replace(-1, None),
        depth=pl.Series(depth),
        link=pl.Series(link, dtype=pl.Enum(["root", "child", "orphan", "cycle"])),
    )


def depths(parent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(distance to the root int32, member of a cycle bool) of each row, by pointer doubling.

    `parent`: int64 (n,), the row of the parent, −1 for none. A cycle's members become roots.
    O(n log n), however deep the traces.

    >>> [part.tolist() for part in depths(np.array([-1, 0, 1]))]
    [[0, 1, 2], [False, False, False]]
    """
    count = len(parent)
    jump = np.append(np.where(parent < 0, count, parent), count)
    circular = np.zeros(count, bool)
    ahead = jump
    for _ in range(count.bit_length() + 1):
        ahead = ahead[ahead]
    # After more steps than there are rows, whoever is not past a root stands on a cycle.
    circular[ahead[ahead < count]] = True
    jump[:-1][circular] = count
    depth = (jump < count).astype(np.int32)
    while (jump[:-1] < count).any():
        depth = depth + depth[jump]
        jump = jump[jump]
    return depth[:-1], circular
