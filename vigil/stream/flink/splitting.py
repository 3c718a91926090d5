"""Messages to pieces: decode a batch at once, then share its records out by series."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl

from vigil.events.dead_letters import DEAD_LETTERS
from vigil.events.decode import Decoded, Limits, Payloads, decode_columns, message_place
from vigil.events.schema import (
    KEY_COLUMNS,
    SCHEMA_OF_TOPIC,
    TOPIC_DEAD_LETTERS,
    TOPIC_EVENTS,
    TOPIC_METRICS,
    requests_of,
)
from vigil.stream.analysis import RECORD_COLUMNS
from vigil.stream.flink.piece import Piece
from vigil.windows.keys import KeyIndex
from vigil.windows.watermark import UNSEEN, Progress

# What windows, scores and the map of services need of a record; the rest stays behind.
COLUMNS = {
    TOPIC_EVENTS: (
        "time", *KEY_COLUMNS, "status", "duration_ms", "request_bytes", "response_bytes", "error",
        "trace_id", "peer_service",
    ),
    TOPIC_METRICS: ("time", *KEY_COLUMNS, "metric", "value"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceMessage:
    """A message as the source hands it over."""

    topic: str
    partition: int
    offset: int
    appended_ms: int
    content_type: str
    value: bytes


class Splitter:
    """Remembers the ids of keys, nothing else: it may be started anew at any moment."""

    def __init__(self, shards: int, limits: Limits) -> None:
        self.shards = shards
        self.limits = limits
        self._ids = {
            TOPIC_EVENTS: KeyIndex(KEY_COLUMNS, "id"),
            TOPIC_METRICS: KeyIndex((*KEY_COLUMNS, "metric"), "id"),
        }

    def split(self, messages: Sequence[SourceMessage], now_at: datetime) -> list[Piece]:
        """Pieces of all messages; those of a partition come in the order of its messages.

        Each shard gets one for each partition that had a valid record, an empty one included. Dead
        letters are a piece of the dead-letter topic.
        """
        pieces: list[Piece] = []
        for topic in self._ids:
            ours = [message for message in messages if message.topic == topic]
            if ours:
                pieces += self._split_topic(topic, ours, now_at)
        return pieces

    def _split_topic(
        self, topic: str, messages: Sequence[SourceMessage], now_at: datetime
    ) -> Iterator[Piece]:
        def place(number: int) -> str:
            return message_place(topic, messages[number].partition, messages[number].offset)

        payloads = Payloads(
            [message.content_type for message in messages],
            [message.value for message in messages],
            place,
        )
        schema, wanted = SCHEMA_OF_TOPIC[topic], RECORD_COLUMNS[topic]
        decoded = decode_columns(payloads, schema, now_at, self.limits, wanted)
        partitions = np.array([message.partition for message in messages])
        appended_ms = {message.partition: message.appended_ms for message in messages}
        yield from self._dead(decoded, partitions)
        records = decoded.records.with_columns(partition=pl.Series(partitions[decoded.source]))
        accepted = dict(records.group_by("partition").len().iter_rows())
        if topic == TOPIC_EVENTS:
            records = requests_of(records)
        placed = self._place(topic, records)
        parts = placed.partition_by("partition", as_dict=True, include_key=False)
        for partition, count in sorted(accepted.items()):
            rows = parts.get((partition,))
            if rows is None:
                # What has no request in it moves no watermark, but is counted.
                nothing, rows = Progress(np.empty(0, np.int64), UNSEEN), placed.clear()
                yield Piece(0, topic, partition, rows, nothing, appended_ms[partition], count)
                continue
            for piece in self._share_out(topic, partition, rows, appended_ms[partition]):
                yield replace(piece, accepted=count) if piece.shard == 0 else piece

    def _place(self, topic: str, records: pl.DataFrame) -> pl.DataFrame:
        """The columns that are needed, the partition, and the shard of each record."""
        records = self._ids[topic].assign(records)
        self._ids[topic].take_added()
        shard = pl.col("id").mod(self.shards)
        return records.select("partition", *COLUMNS[topic], shard=shard)

    def _share_out(
        self, topic: str, partition: int, rows: pl.DataFrame, appended_ms: int
    ) -> Iterator[Piece]:
        progress = Progress.of(rows["time"].dt.epoch("us").to_numpy())
        shards = rows["shard"].to_numpy()
        rows = rows.drop("shard")
        for shard in range(self.shards):
            chosen = np.flatnonzero(shards == shard)
            share = Progress(progress.preceding_us[chosen], progress.newest_us)
            yield Piece(shard, topic, partition, rows[chosen], share, appended_ms)

    def _dead(self, decoded: Decoded, partitions: np.ndarray) -> Iterator[Piece]:
        """Dead letters go along, to be written in the same transaction as everything else."""
        if decoded.dead.height:
            source = decoded.dead["payload"].to_numpy()
            partition = int(partitions[source[0]])
            nothing = Progress(np.full(decoded.dead.height, UNSEEN), UNSEEN)
            yield Piece(
                partition % self.shards,
                TOPIC_DEAD_LETTERS,
                partition,
                decoded.dead.select(list(DEAD_LETTERS)),
                nothing,
                appended_ms=0,
            )
