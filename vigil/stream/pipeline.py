"""From messages to outputs, one step at a time: the stream's logic without its sockets.

messages → records (and dead letters) → windows → observations → decisions → incidents → alerts.
The same messages in the same order give the same outputs, however they are cut into steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from vigil.alerts.message import alert_document
from vigil.detect import OnlineDetector
from vigil.events.content import CONTENT_TYPE
from vigil.events.decode import Decoded, Limits, Payload, decode
from vigil.events.schema import SCHEMA_OF_TOPIC, TOPIC_EVENTS, TOPIC_METRICS, requests_of
from vigil.incidents.grouping import TOLD, IncidentTracker
from vigil.incidents.rules import IncidentRules
from vigil.journeys.graph import edge_metrics
from vigil.stores.bundle import Bundle
from vigil.stores.checkpoint import Outputs
from vigil.stores.log import StoredMessage
from vigil.stores.timescale import SCORES
from vigil.stream.analysis import TOPICS, Analysis, count_late
from vigil.stream.state import pack, unpack
from vigil.windows.tumbling import WindowSpec

Batches = Mapping[tuple[str, int], Sequence[StoredMessage]]


@dataclass(frozen=True, slots=True)
class Step:
    """What one step produced; `outputs` belong in the same commit as the offsets read.

    `scored` has the score columns, the key columns and the metric, for sinks.
    """

    outputs: Outputs
    dead: pl.DataFrame
    scored: pl.DataFrame


class Pipeline:
    """All state of one scorer. `counters` add up over its life: accepted + dead = read."""

    topics = TOPICS

    def __init__(
        self,
        spec: WindowSpec,
        limits: Limits,
        detector: OnlineDetector,
        rules: IncidentRules | None = None,
    ) -> None:
        self.limits = limits
        self.analysis = Analysis(spec, detector)
        self.trackers = {topic: IncidentTracker(topic, rules, spec.window_s) for topic in TOPICS}
        self.counters = dict.fromkeys(
            ("read", "accepted", "dead", "late", "windows", "scores", "flagged", "alerts"), 0
        )

    def use(self, bundle: Bundle | None) -> None:
        """Score with this bundle from the next window on."""
        self.analysis.scoring.bundle = bundle

    def step(self, batches: Batches, now_at: datetime, finish: bool = False) -> Step:
        """Take messages, oldest first in each partition; see `Step`.

        With `finish`, windows that have not ended are closed too.
        """
        dead, late, requests_seen = [], [], []
        for (topic, partition), messages in sorted(batches.items()):
            decoded = self._decode(topic, messages, now_at)
            dead.append(decoded.dead)
            if topic == TOPIC_EVENTS:
                requests_seen.append(requests_of(decoded.records))
            late.append(self._take(topic, partition, decoded.records))
        analysed = self.analysis.emit(finish)
        changes = [
            alert_document(action, incident, tracker.topology)
            for topic, tracker in self.trackers.items()
            for action, incident in tracker.update(analysed.scored[topic])
        ]
        alerts = [change for change in changes if change["action"] in TOLD]
        everything = pl.concat([rows.drop("worst_traces") for rows in analysed.scored.values()])
        self._count(sum(map(len, analysed.windows.values())), everything, len(alerts))
        keys, series = self.analysis.series.take_added()
        outputs = Outputs(
            keys=keys,
            series=series,
            request_windows=analysed.windows[TOPIC_EVENTS],
            metric_windows=analysed.windows[TOPIC_METRICS],
            scores=everything.select(list(SCORES)),
            late=count_late(late),
            # The last state of each incident, told of or not.
            incidents=list({change["incident_id"]: change for change in changes}.values()),
            alerts=alerts,
            attributions=pl.concat(tracker.take_joined() for tracker in self.trackers.values()),
            edges=edge_metrics(requests_seen),
        )
        return Step(outputs, pl.concat(dead) if dead else pl.DataFrame(), everything)

    def _decode(self, topic: str, messages: Sequence[StoredMessage], now_at: datetime) -> Decoded:
        payloads = [
            Payload(
                stored.message.headers.get(CONTENT_TYPE, ""),
                stored.message.value,
                f"topic {topic}, partition {stored.partition}, offset {stored.offset}",
            )
            for stored in messages
        ]
        decoded = decode(payloads, SCHEMA_OF_TOPIC[topic], now_at, self.limits)
        self.counters["accepted"] += decoded.records.height
        self.counters["dead"] += decoded.dead.height
        self.counters["read"] += decoded.records.height + decoded.dead.height
        return decoded

    def _take(self, topic: str, partition: int, records: pl.DataFrame) -> pl.DataFrame:
        if topic == TOPIC_EVENTS:
            records = requests_of(records)
            calls = records.select("peer_service", "service").drop_nulls().unique()
            self.trackers[topic].learn_calls(calls.iter_rows())
        late = self.analysis.take(topic, partition, records)
        self.counters["late"] += late.height
        return late

    def _count(self, windows: int, scored: pl.DataFrame, alerts: int) -> None:
        self.counters["windows"] += windows
        self.counters["scores"] += scored.height
        self.counters["flagged"] += int(scored["flagged"].sum())
        self.counters["alerts"] += alerts

    def partitions(self) -> list[tuple[str, int]]:
        """Topic and partition of each that had events."""
        return [
            (topic, partition)
            for topic, windows in self.analysis.windows.items()
            for partition in windows.watermark.newest_us
        ]

    def mark_idle(self, topic: str, partition: int) -> None:
        """No longer wait for a partition that has gone quiet."""
        self.analysis.windows[topic].watermark.mark_idle(partition)

    def watermarks(self) -> dict[str, datetime]:
        """Topic → event time up to which it is complete, for topics that had events."""
        return self.analysis.watermarks()

    @property
    def series_count(self) -> int:
        """Series met so far."""
        return len(self.analysis.series)

    def state(self) -> bytes:
        """Everything needed to go on after a crash."""
        frames, arrays = self.analysis.state()
        documents = {f"incidents.{topic}": self.trackers[topic].state() for topic in TOPICS}
        return pack(frames, arrays, documents)

    def restore(self, state: bytes, counters: Mapping[str, int]) -> None:
        """Go on from `state()` and the counters committed with it."""
        frames, arrays, documents = unpack(state)
        self.analysis.restore(frames, arrays)
        for topic in TOPICS:
            self.trackers[topic].restore(documents[f"incidents.{topic}"])
        self.counters |= counters
