"""The scorer's pipeline where workers fold the windows: it puts their parts together.

Everything after the windows is as in `Pipeline`: observations, decisions, incidents, shadow, log
lines. The windows are too, since parts merge in any order and lateness is judged by the progress of
each partition in both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import polars as pl

from vigil.errors import UsageError
from vigil.events.schema import TOPIC_LOGS
from vigil.journeys.graph import EDGES as EDGE_COLUMNS
from vigil.stores.checkpoint import Offsets
from vigil.stores.log import StoredMessage
from vigil.stores.stream_health import WorkerSample
from vigil.stream.pipeline import STATE_OF_FLINK, STATE_OF_WORKERS, Pipeline, Reading, Step
from vigil.stream.state import State
from vigil.stream.workers.partials import (
    EDGES,
    FOLDED,
    LATE,
    SERIES,
    TOPIC_PARTIALS,
    Partial,
    Progress,
)
from vigil.stream.workers.roster import Roster


class PartialsPipeline(Pipeline):
    """A `Pipeline` whose readings are hand-overs of workers, and log lines.

    `roster`: who hands over; it is not part of the state, since workers say it again and again.
    """

    topics = (TOPIC_PARTIALS, TOPIC_LOGS)
    # Workers begin once they know where.
    announces = True
    foreign: ClassVar[Mapping[str, str]] = {STATE_OF_FLINK: Pipeline.foreign[STATE_OF_FLINK]}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.roster = Roster()

    @property
    def workers(self) -> dict[str, WorkerSample]:
        """See `Pipeline`."""
        return self.roster.workers()

    @property
    def reached(self) -> Offsets:
        """See `Pipeline`: up to where workers have handed over. Workers look for the topic of their
        hand-overs in it before they begin.
        """
        return {TOPIC_PARTIALS: {}, **super().reached}

    def read(
        self, topic: str, partition: int, messages: Sequence[StoredMessage], now_at: datetime
    ) -> Any:
        """See `Pipeline`; of hand-overs, (topic, partition, `Partial` of each message)."""
        if topic != TOPIC_PARTIALS:
            return super().read(topic, partition, messages, now_at)
        return topic, partition, [Partial.of(stored.message, now_at) for stored in messages]

    def take(self, readings: Sequence[Any], finish: bool = False) -> Step:
        """See `Pipeline`."""
        partials: list[Partial] = []
        lines: list[Reading] = []
        for reading in readings:
            if reading[0] == TOPIC_PARTIALS:
                partials += reading[2]
            else:
                lines.append(reading)
        late = [self._gather(topic, partials) for topic in FOLDED]
        step = super().take(lines, finish)
        outputs = replace(step.outputs, late=pl.concat([step.outputs.late, *late]))
        return replace(step, outputs=outputs)

    def _gather(self, topic: str, partials: Sequence[Partial]) -> pl.DataFrame:
        """Put in what is there of the topic; returns the counts of late records."""
        windows = self.analysis.windows[topic]
        empty = windows.fold.empty()
        tables = {**empty, SERIES: self.analysis.series.nothing, EDGES: _NO_EDGES, LATE: _NO_LATE}
        found = {name: [rows] for name, rows in tables.items()}
        for partial in partials:
            if partial.topic == topic:
                found[partial.table].append(partial.rows)
                for said in partial.progress:
                    self._follow(topic, said)
                if partial.account:
                    places = [(topic, said.partition) for said in partial.progress]
                    self.roster.note(partial.account, places, partial.read_at)
        joined = {name: pl.concat(rows) for name, rows in found.items()}
        parts = {name: joined[name] for name in empty}
        forgotten = self.analysis.take_parts(topic, parts, joined[SERIES], joined[EDGES])
        late = pl.concat([joined[LATE], forgotten])
        self.counters["late"] += int(late["records"].sum())
        return late

    def _follow(self, topic: str, said: Progress) -> None:
        """Note how far a partition has come, after the tables."""
        offsets = self._reached.setdefault(topic, {})
        known = offsets.get(said.partition, said.from_offset)
        if said.from_offset != known:
            raise UsageError(
                f"{topic}/{said.partition}: workers went on from offset {said.from_offset},"
                f" the last checkpoint is at {known}: they belong to another database"
            )
        offsets[said.partition] = said.next_offset
        watermark = self.analysis.windows[topic].watermark
        if not said.is_idle:
            watermark.wake()
            if said.from_offset == said.next_offset:
                # Partitions have changed hands, perhaps after an outage.
                watermark.idle.clear()
        watermark.reach(said.partition, said.newest_us)
        if said.is_idle:
            watermark.mark_idle(said.partition)
        self.counters["accepted"] += said.accepted
        self.counters["dead"] += said.dead
        self.counters["read"] += said.accepted + said.dead

    def awaited(self) -> list[tuple[str, int]]:
        """Of log lines alone: workers say themselves which of theirs are idle."""
        return [place for place in super().awaited() if place[0] == TOPIC_LOGS]

    def state(self) -> State:
        """See `Pipeline`."""
        state = super().state()
        reached = {topic: list(offsets.items()) for topic, offsets in self._reached.items()}
        return replace(state, documents={**state.documents, STATE_OF_WORKERS: reached})

    def restore(self, state: State, counters: Mapping[str, int]) -> None:
        """Go on from `state()`, or from a `Pipeline`'s, and the counters committed with it."""
        super().restore(state, counters)
        reached = state.documents.get(STATE_OF_WORKERS, {})
        self._reached = {topic: dict(offsets) for topic, offsets in reached.items()}


_NO_EDGES = pl.DataFrame(schema=EDGE_COLUMNS)
_NO_LATE = pl.DataFrame(
    schema={
        "topic": pl.String,
        "record_id": pl.Int64,
        "window_start": pl.Datetime("us", "UTC"),
        "records": pl.Int64,
    }
)
