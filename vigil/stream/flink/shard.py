"""A shard: a fixed share of the series, from pieces to windows and scores.

Steps are taken when the watermark has passed the end of a window, at a place in the input that
does not depend on the clock. What came in between waits as it came, so that little has to be
written for each piece.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from vigil.detect import OnlineDetector
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.dead_letters import dead_letter_lines
from vigil.events.schema import TOPIC_DEAD_LETTERS, TOPIC_EVENTS, TOPIC_METRICS
from vigil.stores.bundle import Bundle
from vigil.stream.analysis import Analysed, Analysis, count_late
from vigil.stream.flink import tables
from vigil.stream.flink.options import READ
from vigil.stream.flink.piece import Piece
from vigil.stream.packing import pack, unpack
from vigil.stream.tables import Output, table_outputs
from vigil.windows.tumbling import SECOND_US, WindowSpec
from vigil.windows.watermark import UNSEEN, Progress, Watermark

# Pieces are folded at the latest when this much of them waits.
WAITING_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Share:
    """Shard `number` of `count`, of topics with so many partitions."""

    number: int
    count: int
    partitions: Mapping[str, int]


class Shard:
    """The caller keeps `state()` and the pieces taken since.

    All partitions are waited for from the start: one that is read later than the others would find
    its windows closed.
    """

    def __init__(self, share: Share, spec: WindowSpec, detector: OnlineDetector) -> None:
        self.share = share
        self.spec = spec
        self.analysis = Analysis(spec, detector, READ)
        # How far the input has come, waiting pieces included.
        self._ahead = {topic: Watermark(spec.out_of_order_s * SECOND_US) for topic in READ}
        self._waiting: list[Piece] = []
        self._waiting_bytes = 0
        self._expect()

    def _expect(self) -> None:
        for topic, ahead in self._ahead.items():
            partitions = range(self.share.partitions.get(topic, 0))
            ahead.expect(partitions)
            self.analysis.windows[topic].watermark.expect(partitions)

    def take(self, blob: bytes) -> bool:
        """Let a piece wait for the next step; True when that is due."""
        piece = Piece.from_bytes(blob)
        self._waiting.append(piece)
        self._waiting_bytes += len(blob)
        if piece.topic not in self._ahead or piece.progress.newest_us == UNSEEN:
            return self._waiting_bytes > WAITING_BYTES
        self._ahead[piece.topic].follow(piece.partition, piece.progress)
        return self._due(piece.topic) or self._waiting_bytes > WAITING_BYTES

    def _due(self, topic: str) -> bool:
        """Has a window ended since the last step?"""
        return self._window(self._ahead[topic].advance()) > self._window(
            self.analysis.windows[topic].watermark.current_us
        )

    def _window(self, at_us: int) -> int:
        return at_us // self.spec.window_us

    def mark_idle(self, topic: str, partition: int) -> bool:
        """No longer wait for a partition that has gone quiet; True when a step is due."""
        self._ahead[topic].mark_idle(partition)
        return self._due(topic)

    def awaited(self) -> list[tuple[str, int]]:
        """Partitions that hold the watermark back while they are quiet."""
        return [
            (topic, partition)
            for topic, ahead in self._ahead.items()
            for partition in ahead.newest_us
            if partition not in ahead.idle
        ]

    @property
    def waits(self) -> bool:
        """True where pieces were taken since the last step."""
        return bool(self._waiting)

    def use(self, bundle: Bundle | None) -> None:
        """Score with this bundle from the next step on."""
        self.analysis.scoring.bundle = bundle

    def step(self) -> list[Output]:
        """Fold what waits, emit what is due."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        before = self._complete()
        late = []
        for (topic, partition), pieces in _by_partition(waiting):
            records = pl.concat(piece.records for piece in pieces)
            progress = _joined([piece.progress for piece in pieces])
            late.append(self.analysis.take(topic, partition, records, progress))
        for topic, ahead in self._ahead.items():
            self.analysis.windows[topic].watermark.idle = set(ahead.idle)
        outputs = self._dead(waiting)
        outputs += self._windows(analysed := self.analysis.emit(), late)
        return outputs + self._scores(analysed, before, waiting)

    def _complete(self) -> dict[str, int]:
        return {topic: self.analysis.windows[topic].watermark.current_us for topic in READ}

    def _windows(self, analysed: Analysed, late: list[pl.DataFrame]) -> list[Output]:
        found = {
            tables.REQUEST_WINDOWS: analysed.windows[TOPIC_EVENTS],
            tables.METRIC_WINDOWS: analysed.windows[TOPIC_METRICS],
            tables.LATE: count_late(late),
            tables.EDGES: analysed.edges,
        }
        return [
            output
            for table, rows in found.items()
            if rows.height
            for output in table_outputs(tables.TOPIC_WINDOWS, table, rows)
        ]

    def _scores(
        self, analysed: Analysed, before: dict[str, int], waiting: Sequence[Piece]
    ) -> list[Output]:
        """Decisions, how far they are complete, and how much was read; also where all is none."""
        outputs = []
        dead = sum(piece.records.height for piece in waiting if piece.topic == TOPIC_DEAD_LETTERS)
        for topic, complete_us in self._complete().items():
            scored = analysed.scored[topic]
            accepted = sum(piece.accepted for piece in waiting if piece.topic == topic)
            if scored.height or complete_us > before[topic] or accepted or dead:
                headers = {
                    tables.STREAM: topic,
                    tables.SHARD: str(self.share.number),
                    tables.SHARDS: str(self.share.count),
                }
                closing = {
                    tables.COMPLETE_US: str(complete_us),
                    tables.ACCEPTED: str(accepted),
                    tables.DEAD: str(dead),
                }
                outputs += table_outputs(
                    tables.TOPIC_SCORES, tables.SCORES, scored, headers, closing
                )
            dead = 0
        return outputs

    def _dead(self, waiting: Sequence[Piece]) -> list[Output]:
        return [
            Output(TOPIC_DEAD_LETTERS, {CONTENT_TYPE: NDJSON}, dead_letter_lines(piece.records))
            for piece in waiting
            if piece.topic == TOPIC_DEAD_LETTERS
        ]

    def state(self) -> bytes:
        """Everything but the pieces that wait; to be kept after each step."""
        frames, arrays = self.analysis.state()
        return pack(frames, arrays, {})

    def restore(self, state: bytes) -> None:
        """Go on from `state()`; the pieces taken since have to be taken again."""
        frames, arrays, _ = unpack(state)
        self.analysis.restore(frames, arrays)
        for topic, ahead in self._ahead.items():
            known = self.analysis.windows[topic].watermark
            ahead.newest_us, ahead.idle = dict(known.newest_us), set(known.idle)
            ahead.current_us = known.current_us
        self._expect()


def _by_partition(pieces: Sequence[Piece]) -> list[tuple[tuple[str, int], list[Piece]]]:
    groups: dict[tuple[str, int], list[Piece]] = {}
    for piece in pieces:
        if piece.topic in READ and piece.progress.newest_us != UNSEEN:
            groups.setdefault((piece.topic, piece.partition), []).append(piece)
    return sorted(groups.items())


def _joined(parts: Sequence[Progress]) -> Progress:
    """One progress of consecutive ones: each is preceded by all before it."""
    newest_us = UNSEEN
    preceding = []
    for part in parts:
        preceding.append(np.maximum(part.preceding_us, newest_us))
        newest_us = max(newest_us, part.newest_us)
    return Progress(np.concatenate(preceding), newest_us)
