"""Snapshots of the event log: the valid events of a time range as one Parquet file."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from vigil.events.content import CONTENT_TYPE
from vigil.events.decode import Limits, Payload, decode
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
    """Write events with start_at <= time < end_at, in log order; replaces an earlier file.

    Reads the log from its beginning, a few hundred messages at a time: memory stays bounded
    whatever the log holds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    inside = (pl.col("time") >= start_at) & (pl.col("time") < end_at)
    rows = read = 0
    with pq.ParquetWriter(partial, EVENTS) as writer:
        for partition in range(event_log.partitions(TOPIC_EVENTS)):
            offset = 0
            while messages := event_log.read(TOPIC_EVENTS, partition, offset, MESSAGES_AT_ONCE):
                offset = messages[-1].offset + 1
                read += len(messages)
                payloads = [
                    Payload(stored.message.headers.get(CONTENT_TYPE, ""), stored.message.value, "")
                    for stored in messages
                ]
                events = decode(payloads, EVENTS, datetime.now(UTC), limits).records.filter(inside)
                if events.height:
                    writer.write_table(events.to_arrow().cast(EVENTS))
                    rows += events.height
    partial.rename(path)
    return SnapshotFacts(rows, read, path)
