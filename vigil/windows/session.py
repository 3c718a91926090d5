"""Session windows: what belongs together because no pause in it is longer than a gap.

Sessions of parts of the records merge to the sessions of all of them, in any order: an event that
comes late joins two sessions into one.

Source: Akidau et al., "The dataflow model: a practical approach to balancing correctness, latency,
and cost in massive-scale, unbounded, out-of-order data processing", PVLDB 8(12), 2015.
"""

from typing import Any

import polars as pl


def session_schema(id_name: str) -> dict[str, Any]:
    """id, first and last event (epoch µs), number of events."""
    columns = (id_name, "first_us", "last_us", "events")
    return dict.fromkeys(columns, pl.Int64)


def sessions_of(records: pl.DataFrame, id_name: str, gap_us: int) -> pl.DataFrame:
    """Sessions of records with the id (Int64) and `time_us`, by id and time."""
    single = records.select(
        pl.col(id_name).cast(pl.Int64),
        first_us=pl.col("time_us").cast(pl.Int64),
        last_us=pl.col("time_us").cast(pl.Int64),
        events=pl.lit(1, pl.Int64),
    )
    return merge_sessions(single, id_name, gap_us)


def merge_sessions(sessions: pl.DataFrame, id_name: str, gap_us: int) -> pl.DataFrame:
    """Stacked sessions of parts to the sessions of the whole: pauses up to `gap_us` are bridged."""
    ordered = sessions.sort(id_name, "first_us")
    # A session may end after one that begins later: what counts is the latest end so far.
    reached = pl.col("last_us").cum_max().shift(1).over(id_name)
    begins = (pl.col("first_us") - reached > gap_us).fill_null(True)
    return (
        ordered.with_columns(number=begins.cum_sum().over(id_name))
        .group_by(id_name, "number", maintain_order=True)
        .agg(pl.col("first_us").min(), pl.col("last_us").max(), pl.col("events").sum())
        .select(list(session_schema(id_name)))
    )


def close_sessions(
    sessions: pl.DataFrame, watermark_us: int, gap_us: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(those that no event on time can join any more, those still open)."""
    closed = pl.col("last_us") + gap_us < watermark_us
    return sessions.filter(closed), sessions.filter(~closed)
