"""From messages to outputs, one step at a time: the stream's logic without its sockets.

messages → records (and dead letters) → windows → observations → decisions → incidents → alerts.
The same messages in the same order give the same outputs, however they are cut into steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from vigil.alerts.message import alert_document
from vigil.detect import OnlineDetector
from vigil.events.content import CONTENT_TYPE
from vigil.events.decode import Decoded, Limits, Payload, decode
from vigil.events.schema import SCHEMA_OF_TOPIC, TOPIC_EVENTS, TOPIC_METRICS, requests_of
from vigil.features.observations import metric_observations, request_observations
from vigil.incidents.grouping import TOLD, Exempt, IncidentTracker
from vigil.incidents.rules import IncidentRules
from vigil.stores.bundle import Bundle
from vigil.stores.checkpoint import Outputs
from vigil.stores.log import StoredMessage
from vigil.stores.timescale import SCORES
from vigil.stream.scoring import Scoring
from vigil.stream.series import SeriesDirectory
from vigil.stream.state import pack, unpack
from vigil.windows.folds import MetricFold, RequestFold
from vigil.windows.tumbling import TumblingWindows, WindowSpec
from vigil.windows.watermark import UNSEEN

TOPICS = (TOPIC_EVENTS, TOPIC_METRICS)

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

    def __init__(
        self,
        spec: WindowSpec,
        limits: Limits,
        detector: OnlineDetector,
        rules: IncidentRules | None = None,
        exempt: Exempt = lambda row, at: "",
    ) -> None:
        self.limits = limits
        self.windows = {
            TOPIC_EVENTS: TumblingWindows(spec, RequestFold()),
            TOPIC_METRICS: TumblingWindows(spec, MetricFold()),
        }
        self.trackers = {
            topic: IncidentTracker(topic, rules, spec.window_s, exempt) for topic in TOPICS
        }
        self.series = SeriesDirectory()
        self.scoring = Scoring(spec, detector)
        self.counters = dict.fromkeys(
            ("read", "accepted", "dead", "late", "windows", "scores", "flagged", "alerts"), 0
        )

    def use(self, bundle: Bundle | None) -> None:
        """Score with this bundle from the next window on."""
        self.scoring.bundle = bundle

    def step(self, batches: Batches, now_at: datetime, finish: bool = False) -> Step:
        """Take messages, oldest first in each partition; see `Step`.

        With `finish`, windows that have not ended are closed too.
        """
        dead, late = [], []
        for (topic, partition), messages in sorted(batches.items()):
            decoded = self._decode(topic, messages, now_at)
            dead.append(decoded.dead)
            late.append(self._fold(topic, partition, decoded.records))
        requests = self.windows[TOPIC_EVENTS].emit(finish)
        metrics = self.windows[TOPIC_METRICS].emit(finish)
        observed = {
            TOPIC_EVENTS: self._request_observations(requests),
            TOPIC_METRICS: self._metric_observations(metrics),
        }
        scored = {topic: self.scoring.score(rows) for topic, rows in observed.items()}
        changes = [
            alert_document(action, incident, tracker.topology)
            for topic, tracker in self.trackers.items()
            for action, incident in tracker.update(scored[topic])
        ]
        alerts = [change for change in changes if change["action"] in TOLD]
        everything = pl.concat([rows.drop("worst_traces") for rows in scored.values()])
        self._count(requests.height + metrics.height, everything, len(alerts))
        keys, series = self.series.take_added()
        outputs = Outputs(
            keys=keys,
            series=series,
            request_windows=requests,
            metric_windows=metrics,
            scores=everything.select(list(SCORES)),
            late=_count_late(late),
            # The last state of each incident, told of or not.
            incidents=list({change["incident_id"]: change for change in changes}.values()),
            alerts=alerts,
            attributions=pl.concat(tracker.take_joined() for tracker in self.trackers.values()),
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

    def _fold(self, topic: str, partition: int, records: pl.DataFrame) -> pl.DataFrame:
        """Put records into windows; returns the late ones, counted by id and window."""
        if topic == TOPIC_EVENTS:
            records = self.series.identify_requests(requests_of(records))
            calls = records.select("peer_service", "service").drop_nulls().unique()
            self.trackers[topic].learn_calls(calls.iter_rows())
        else:
            records = self.series.identify_metrics(records)
        windows = self.windows[topic]
        late = windows.push(partition, records)
        self.counters["late"] += late.height
        return late.select("window_start", record_id=windows.fold.id_name, topic=pl.lit(topic))

    def _request_observations(self, requests: pl.DataFrame) -> pl.DataFrame:
        traces = requests.select("key_id", "window_start", "worst_traces")
        observed = request_observations(requests).join(traces, on=["key_id", "window_start"])
        return self.series.describe_series(observed)

    def _metric_observations(self, metrics: pl.DataFrame) -> pl.DataFrame:
        observed = metric_observations(self.series.describe_metrics(metrics))
        no_traces = pl.lit(None, pl.List(pl.String)).alias("worst_traces")
        return self.series.describe_series(observed.with_columns(no_traces))

    def _count(self, windows: int, scored: pl.DataFrame, alerts: int) -> None:
        self.counters["windows"] += windows
        self.counters["scores"] += scored.height
        self.counters["flagged"] += int(scored["flagged"].sum())
        self.counters["alerts"] += alerts

    def watermarks(self) -> dict[str, datetime]:
        """Topic → event time up to which it is complete, for topics that had events."""
        marks = {topic: windows.watermark for topic, windows in self.windows.items()}
        return {
            topic: datetime.fromtimestamp(mark.current_us / 1e6, UTC)
            for topic, mark in marks.items()
            if mark.current_us != UNSEEN
        }

    def state(self) -> bytes:
        """Everything needed to go on after a crash."""
        frames = {f"windows.{topic}": self.windows[topic].state() for topic in TOPICS}
        frames["series"] = self.series.state()
        frames["scoring"] = self.scoring.state()
        documents = {f"incidents.{topic}": self.trackers[topic].state() for topic in TOPICS}
        return pack(frames, {"detector": self.scoring.detector.state()}, documents)

    def restore(self, state: bytes, counters: Mapping[str, int]) -> None:
        """Go on from `state()` and the counters committed with it."""
        frames, arrays, documents = unpack(state)
        for topic in TOPICS:
            self.windows[topic].restore(frames[f"windows.{topic}"])
            self.trackers[topic].restore(documents[f"incidents.{topic}"])
        self.series.restore(frames["series"])
        self.scoring.restore(frames["scoring"], arrays["detector"])
        self.counters |= counters


def _count_late(late: Sequence[pl.DataFrame]) -> pl.DataFrame:
    schema = {"window_start": pl.Int64, "record_id": pl.Int64, "topic": pl.String}
    return (
        pl.concat([pl.DataFrame(schema=schema), *late])
        .group_by("topic", "record_id", "window_start", maintain_order=True)
        .agg(records=pl.len().cast(pl.Int64))
        .with_columns(pl.col("window_start").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    )
