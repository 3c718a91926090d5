"""One partition in a worker: from messages to parts of windows, and what to go on from."""

import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import orjson
import polars as pl

from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.dead_letters import dead_letter_lines
from vigil.events.decode import Decoded, Limits
from vigil.events.schema import TOPIC_DEAD_LETTERS, TOPIC_EVENTS, requests_of
from vigil.journeys.graph import EDGES as EDGE_COLUMNS
from vigil.journeys.graph import added_up, edge_metrics
from vigil.stores.log import Message, MessageBatch, StoredMessage
from vigil.stream.analysis import FOLDS, RECORD_COLUMNS, count_late
from vigil.stream.decoding import decode_batch
from vigil.stream.series import SeriesDirectory
from vigil.stream.workers.partials import EDGES, LATE, SERIES, Account, Progress, as_messages
from vigil.windows.folds import Parts
from vigil.windows.partial import PartialWindows
from vigil.windows.tumbling import WindowSpec
from vigil.windows.watermark import UNSEEN


@dataclass(frozen=True, slots=True)
class Position:
    """The checkpoint of a partition, noted with its committed offset.

    Messages from `replay_offset` on are read again: of those before `next_offset`, windows that
    end after `closed_to_us` (epoch µs) were not handed over. newest_us: the newest event so far.
    """

    next_offset: int
    replay_offset: int
    newest_us: int = UNSEEN
    closed_to_us: int = UNSEEN

    def to_note(self) -> str:
        """As text for the commit."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def of_note(cls, note: str) -> "Position":
        """The inverse of `to_note`."""
        return cls(**orjson.loads(note))


@dataclass(frozen=True, slots=True)
class HandOver:
    """What a partition has for the scorer: parts of windows, edges and late records, dead letters,
    and its progress.
    """

    parts: Parts
    edges: Sequence[pl.DataFrame]
    late: Sequence[pl.DataFrame]
    dead: pl.DataFrame
    progress: Progress


class PartitionFold:
    """Folds what was read since `position`; `series` is that of the worker, for all its folds."""

    def __init__(
        self,
        topic: str,
        partition: int,
        spec: WindowSpec,
        limits: Limits,
        series: SeriesDirectory,
        position: Position,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.quiet_since_s = time.monotonic()
        self._limits = limits
        self._series = series
        self._position = position
        self._read_to = position.replay_offset
        self._windows = PartialWindows(
            spec, FOLDS[topic](), position.newest_us, position.closed_to_us
        )
        self._forget()

    def _forget(self) -> None:
        """Nothing was read since the last hand-over."""
        self._accepted = 0
        self._dead: list[pl.DataFrame] = []
        self._late: list[pl.DataFrame] = []
        self._edges: list[pl.DataFrame] = []

    @property
    def position(self) -> Position:
        """As of the last hand-over."""
        return self._position

    @property
    def is_due(self) -> bool:
        """Has a window ended since the last hand-over?"""
        return self._windows.is_due

    @property
    def has_news(self) -> bool:
        """Was anything read since the last hand-over?"""
        return self._read_to > self._position.next_offset

    @property
    def is_replaying(self) -> bool:
        """Is it still to read again what an earlier holder has read? Then nothing is to be handed
        over.
        """
        return self._read_to < self._position.next_offset

    def announce(self) -> HandOver:
        """Says that this partition is read from now on, and to be waited for."""
        at = self._position
        progress = Progress(
            self.partition, at.next_offset, at.next_offset, at.newest_us, 0, 0, False
        )
        return HandOver(self._windows.fold.empty(), [], [], pl.DataFrame(), progress)

    def take(self, batch: MessageBatch, now_at: datetime) -> None:
        """Fold messages, oldest first; those that were taken already are left out."""
        self.quiet_since_s = time.monotonic()
        taken = bisect_left(batch.offsets, self._read_to)
        known = bisect_left(batch.offsets, self._position.next_offset)
        if taken < known:
            self._take_again(batch[taken:known], now_at)
        fresh = batch[max(taken, known) :] if max(taken, known) else batch
        if fresh:
            self._take_fresh(MessageBatch.of(fresh), now_at)
        self._read_to = max(self._read_to, batch.offsets[-1] + 1)

    def _take_again(self, messages: Sequence[StoredMessage], now_at: datetime) -> None:
        batch = MessageBatch.of(messages)
        records = self._identified(self._decode(batch, now_at).records)
        self._windows.push_again(records, batch.offsets[0])

    def _take_fresh(self, batch: MessageBatch, now_at: datetime) -> None:
        decoded = self._decode(batch, now_at)
        self._accepted += decoded.records.height
        self._dead.append(decoded.dead)
        records = self._identified(decoded.records)
        if self.topic == TOPIC_EVENTS:
            self._edges.append(edge_metrics(records))
        late = self._windows.push(records, batch.offsets[0])
        id_name = self._windows.fold.id_name
        self._late.append(late.select("window_start", record_id=id_name, topic=pl.lit(self.topic)))

    def _decode(self, batch: MessageBatch, now_at: datetime) -> Decoded:
        wanted = RECORD_COLUMNS[self.topic]
        return decode_batch(self.topic, self.partition, batch, now_at, self._limits, wanted)

    def _identified(self, records: pl.DataFrame) -> pl.DataFrame:
        if self.topic == TOPIC_EVENTS:
            return self._series.identify_requests(requests_of(records))
        return self._series.identify_metrics(records)

    def hand_over(self, everything: bool = False, is_idle: bool = False) -> HandOver:
        """The windows that have ended, or all of them; moves `position`.

        A partition whose records have no event time that counts is not waited for either.
        """
        parts = self._windows.take(everything)
        before, next_offset = self._position, max(self._read_to, self._position.next_offset)
        newest_us = self._windows.newest_us
        self._position = Position(
            next_offset,
            self._windows.began_at(next_offset),
            newest_us,
            self._windows.closed_to_us,
        )
        dead = pl.concat(self._dead) if self._dead else pl.DataFrame()
        progress = Progress(
            self.partition,
            before.next_offset,
            next_offset,
            newest_us,
            self._accepted,
            dead.height,
            is_idle or (newest_us == UNSEEN and next_offset > before.next_offset),
        )
        handed = HandOver(parts, self._edges, self._late, dead, progress)
        self._forget()
        return handed


def together(
    topic: str, handed: Sequence[HandOver], series: SeriesDirectory, account: Account
) -> list[tuple[str, Message]]:
    """What partitions of one topic hand over, as messages each with its topic."""
    fold = FOLDS[topic]()
    parts = fold.merge(
        {name: pl.concat([each.parts[name] for each in handed]) for name in fold.empty()}
    )
    edges = [pl.DataFrame(schema=EDGE_COLUMNS), *(rows for each in handed for rows in each.edges)]
    tables = {
        SERIES: series.named(fold.id_name, parts["sums"][fold.id_name].unique()),
        **parts,
        EDGES: added_up(pl.concat(edges)),
        LATE: count_late([rows for each in handed for rows in each.late]),
    }
    letters = [
        (TOPIC_DEAD_LETTERS, Message(dead_letter_lines(each.dead), {CONTENT_TYPE: NDJSON}))
        for each in handed
        if each.dead.height
    ]
    return [*letters, *as_messages(topic, tables, [each.progress for each in handed], account)]
