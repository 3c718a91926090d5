"""The valid events of a time range: read from the log, or kept as one Parquet file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from vigil.events.decode import Limits, Payloads, decode_columns
from vigil.events.schema import EVENTS, TOPIC_EVENTS
from vigil.stores.log import EventLog

MESSAGES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """What went into a snapshot."""

    rows: int
    messages_read: int
    path: Path


def snapshot_events(
    event_log: EventLog, start_at: datetime, end_at: datetime, path: Path, limits: Limits
) -> SnapshotFacts:
    """Write events with start_at <= time < end_at, in log order; replaces an earlier file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    rows = read = 0
    with pq.ParquetWriter(partial, EVENTS) as writer:
        for messages, events in events_between(event_log, start_at, end_at, limits):
            read += messages
            if events.height:
                writer.write_table(events.to_arrow().cast(EVENTS))
                rows += events.height
    partial.rename(path)
    return SnapshotFacts(rows, read, path)


def events_between(
    event_log: EventLog, start_at: datetime, end_at: datetime, limits: Limits
) -> Iterator[tuple[int, pl.DataFrame]]:
    """(messages read, their events with start_at <= time < end_at), block by block in log order.

    Reads the log from its beginning, a few hundred messages at a time: memory stays bounded
    whatever the log holds.
    """
    inside = (pl.col("time") >= start_at) & (pl.col("time") < end_at)
    for partition in range(event_log.partitions(TOPIC_EVENTS)):
        offset = 0
        while messages := event_log.read(TOPIC_EVENTS, partition, offset, MESSAGES_AT_ONCE):
            offset = messages[-1].offset + 1
            payloads = Payloads(messages.content_types, messages.values, lambda _: "")
            records = decode_columns(payloads, EVENTS, datetime.now(UTC), limits).records
            yield len(messages), records.filter(inside)
