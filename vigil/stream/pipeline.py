"""From messages to outputs, one step at a time: the stream's logic without its sockets.

messages → records (and dead letters) → windows → observations → decisions → incidents → alerts.
The same messages in the same order give the same outputs, however they are cut into steps.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy as np
import polars as pl

from vigil.alerts.message import alert_document
from vigil.detect import OnlineDetector
from vigil.detect.feedback import Label
from vigil.errors import UsageError
from vigil.events.decode import Decoded, Limits
from vigil.events.schema import TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS, requests_of
from vigil.incidents.grouping import TOLD, Exempt, IncidentTracker
from vigil.incidents.rules import IncidentRules
from vigil.journeys.minutes import journey_minutes
from vigil.journeys.sessions import COUNTED, TraceSessions
from vigil.logs.sampling import LineSampler
from vigil.logs.series import LogSeries
from vigil.stores.bundle import Bundle
from vigil.stores.checkpoint import Offsets, Outputs
from vigil.stores.log import MessageBatch, StoredMessage
from vigil.stores.stream_health import WorkerSample
from vigil.stores.timescale import SCORES
from vigil.stores.trials import SHADOW, Trial
from vigil.stream.analysis import RECORD_COLUMNS, TOPICS, Analysis, count_late
from vigil.stream.decoding import decode_batch
from vigil.stream.shadow import Shadow
from vigil.stream.state import ArrayCopies, State
from vigil.windows.tumbling import WindowSpec
from vigil.windows.watermark import UNSEEN

# Beside what windows need of a request, what puts it in its place in a trace.
_COLUMNS = RECORD_COLUMNS | {
    TOPIC_EVENTS: (*RECORD_COLUMNS[TOPIC_EVENTS], "span_id", "parent_span_id")
}
# A document of this name is in the state that a `Gathering` has written, and in no other; likewise
# in that of a pipeline whose windows are folded by workers.
STATE_OF_FLINK, STATE_OF_WORKERS = "shards", "workers"

Batches = Mapping[tuple[str, int], Sequence[StoredMessage]]
# Topic, partition, and what its messages hold.
Reading = tuple[str, int, Decoded]


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

    topics = inputs = TOPICS
    # Should others see a first checkpoint as soon as there is a scorer?
    announces = False
    # Documents of other engines' states, and how to go on with each.
    foreign: ClassVar[Mapping[str, str]] = {
        STATE_OF_FLINK: "`vigil score --engine flink`, whose windows are in Flink: go on with it",
        STATE_OF_WORKERS: (
            "`vigil score --workers`, whose workers hold open windows: go on with it, if with one"
        ),
    }

    def __init__(
        self,
        spec: WindowSpec,
        limits: Limits,
        detector: OnlineDetector,
        rules: IncidentRules | None = None,
        exempt: Exempt = lambda row, at: "",
    ) -> None:
        self.limits = limits
        self.analysis = Analysis(spec, detector)
        self.log_series = LogSeries()
        self._copies, self._shadow_copies = ArrayCopies(), ArrayCopies()
        self.line_sampler = LineSampler()
        self.traces = TraceSessions()
        self.trackers = {
            topic: IncidentTracker(topic, rules, spec.window_s, exempt) for topic in TOPICS
        }
        self.shadow: Shadow | None = None
        self._reached: Offsets = {}
        self.counters = dict.fromkeys(
            ("read", "accepted", "dead", "late", "windows", "scores", "flagged", "alerts",
             *COUNTED), 0
        )  # fmt: skip

    def use(self, bundle: Bundle | None) -> None:
        """Score with this bundle from the next window on."""
        if bundle and self.shadow and self.shadow.shadow_id == bundle.bundle_id:
            self.analysis.scoring = self.shadow.change_places(self.analysis.scoring, bundle)
        else:
            self.analysis.scoring.bundle = bundle

    def put_in_shadow(self, trial: Trial, bundle: Bundle) -> None:
        """Let this bundle score beside the champion for the trial; it pages nobody."""
        if self.shadow and self.shadow.shadow_id == bundle.bundle_id:
            self.shadow.go_on(trial, bundle, self.trackers)
        else:
            self.shadow = Shadow.begin(trial, bundle, self.analysis.scoring, self.trackers)

    def end_shadow(self) -> None:
        """No trial runs."""
        self.shadow = None

    def follow(self, rules: IncidentRules, exempt: Exempt) -> None:
        """Group incidents by these rules from the next step on."""
        shadows = self.shadow.trackers.values() if self.shadow else ()
        for tracker in (*self.trackers.values(), *shadows):
            tracker.rules, tracker.exempt = rules, exempt

    @property
    def labelled_to(self) -> int:
        """Number of the last label that was learned from."""
        return self.analysis.scoring.labelled_to

    def learn(self, labels: Sequence[Label]) -> None:
        """Take operators' verdicts."""
        self.analysis.scoring.learn(labels)
        if self.shadow:
            self.shadow.scoring.learn(labels)

    def step(self, batches: Batches, now_at: datetime, finish: bool = False) -> Step:
        """Take messages, oldest first in each partition; see `Step`.

        With `finish`, windows that have not ended are closed too.
        """
        found = sorted(batches.items())
        return self.take([self.read(*place, messages, now_at) for place, messages in found], finish)

    def read(
        self, topic: str, partition: int, messages: Sequence[StoredMessage], now_at: datetime
    ) -> Reading:
        """Messages to records. Touches no state: it may run beside `take`, in another thread."""
        batch = MessageBatch.of(messages)
        wanted = _COLUMNS.get(topic, ())
        decoded = decode_batch(topic, partition, batch, now_at, self.limits, wanted)
        if topic == TOPIC_LOGS:
            decoded = _with_line_ids(decoded, partition, batch.offsets)
        return topic, partition, decoded

    def take(self, readings: Sequence[Reading], finish: bool = False) -> Step:
        """One step over what `read` gave, oldest first in each partition."""
        dead, late, spans, lines = [], [], [], []
        for topic in {topic for topic, _, _ in readings}:
            self.analysis.windows[topic].watermark.wake()
        for topic, partition, decoded in _joined(readings):
            self._count_records(decoded)
            dead.append(decoded.dead)
            records = decoded.records
            if topic == TOPIC_EVENTS:
                spans.append(records)
                records = requests_of(records)
            elif topic == TOPIC_LOGS:
                mined = self.log_series.observe(records)
                lines.append(self.line_sampler.take(mined.lines))
                records = mined.points
            late.append(self.analysis.take(topic, partition, records))
            self.counters["late"] += late[-1].height
            watermark = self.analysis.windows[topic].watermark
            if watermark.newest_us.get(partition) == UNSEEN:
                # What it had says nothing of event time.
                watermark.mark_idle(partition)
        analysed = self.analysis.emit(finish)
        self.trackers[TOPIC_EVENTS].learn_calls(analysed.calls)
        watermark_us = self.analysis.windows[TOPIC_EVENTS].watermark.current_us
        complete = self.traces.advance(spans, watermark_us, finish)
        lines.append(self.line_sampler.close(None if finish else self._logs_complete_at()))
        changes = [
            alert_document(action, incident, tracker.topology)
            for topic, tracker in self.trackers.items()
            for action, incident in tracker.update(analysed.scored[topic])
        ]
        alerts = [change for change in changes if change["action"] in TOLD]
        watched = self.shadow.watch(analysed.scored, alerts) if self.shadow else None
        everything = pl.concat([rows.drop("worst_traces") for rows in analysed.scored.values()])
        self._count(sum(map(len, analysed.windows.values())), everything, len(alerts))
        keys, series = self.analysis.series.take_added()
        outputs = Outputs(
            keys=keys,
            series=series,
            request_windows=analysed.windows[TOPIC_EVENTS],
            metric_windows=_as_metrics(analysed.windows),
            scores=everything.select(list(SCORES)),
            late=count_late(late),
            # The last state of each incident, told of or not.
            incidents=list({change["incident_id"]: change for change in changes}.values()),
            alerts=alerts,
            attributions=pl.concat(tracker.take_joined() for tracker in self.trackers.values()),
            edges=analysed.edges,
            journeys=journey_minutes(complete),
            lines=pl.concat(lines),
            shadow_hours=watched.hours if watched else pl.DataFrame(),
            shadow_pages=watched.pages if watched else pl.DataFrame(),
        )
        return Step(outputs, pl.concat(dead) if dead else pl.DataFrame(), everything)

    def _count_records(self, decoded: Decoded) -> None:
        self.counters["accepted"] += decoded.records.height
        self.counters["dead"] += decoded.dead.height
        self.counters["read"] += decoded.records.height + decoded.dead.height

    def _logs_complete_at(self) -> datetime:
        """Up to when no line is waited for."""
        return self.watermarks().get(TOPIC_LOGS, datetime.min.replace(tzinfo=UTC))

    def _count(self, windows: int, scored: pl.DataFrame, alerts: int) -> None:
        self.counters["windows"] += windows
        self.counters["scores"] += scored.height
        self.counters["flagged"] += int(scored["flagged"].sum())
        self.counters["alerts"] += alerts
        for name, count in self.traces.take_counts().items():
            self.counters[name] += count

    def awaited(self) -> list[tuple[str, int]]:
        """Topic and partition of each that holds the watermark back while it is quiet."""
        return [
            (topic, partition)
            for topic, windows in self.analysis.windows.items()
            for partition in windows.watermark.newest_us
            if partition not in windows.watermark.idle
        ]

    def wait_for(self, places: Iterable[tuple[str, int]]) -> None:
        """These partitions have something to read: no window closes before it was looked at."""
        for topic, partition in places:
            watermark = self.analysis.windows[topic].watermark
            watermark.expect([partition])
            watermark.idle.discard(partition)

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

    @property
    def workers(self) -> Mapping[str, WorkerSample]:
        """Other processes that fold windows for it, by name."""
        return {}

    @property
    def reached(self) -> Offsets:
        """Next offsets of inputs that others read for this pipeline."""
        return {topic: dict(offsets) for topic, offsets in self._reached.items()}

    def state(self) -> State:
        """Everything needed to go on after a crash, as it is now; good until the next call."""
        frames, arrays = self.analysis.state()
        updates = self.analysis.scoring.detector.updates
        frames["lines"] = self.line_sampler.state()
        documents: dict[str, Any] = {
            f"incidents.{topic}": self.trackers[topic].state() for topic in TOPICS
        }
        documents["log_series"] = self.log_series.state()
        frames["traces"], documents["traces"] = self.traces.state()
        copies = {"detector": self._copies.of(arrays["detector"], updates)}
        if self.shadow:
            frames[SHADOW], shadow_arrays, documents[SHADOW] = self.shadow.state()
            copies[SHADOW] = self._shadow_copies.of(shadow_arrays, object())
        return State(frames, copies, documents)

    def restore(self, state: State, counters: Mapping[str, int]) -> None:
        """Go on from `state()` and the counters committed with it."""
        documents = state.documents
        for name, said in self.foreign.items():
            if name in documents:
                raise UsageError(f"the last checkpoint is that of {said}")
        self.analysis.restore(state.frames, state.arrays)
        for topic, tracker in self.trackers.items():
            # A checkpoint of a version that read no logs has none of theirs.
            if f"incidents.{topic}" in documents:
                tracker.restore(documents[f"incidents.{topic}"])
        self.log_series.restore(documents.get("log_series", []))
        # A checkpoint of a version that kept no lines has none.
        if "lines" in state.frames:
            self.line_sampler.restore(state.frames["lines"])
        # A checkpoint of a version that followed no traces has none.
        if "traces" in documents:
            self.traces.restore(state.frames.get("traces", {}), documents["traces"])
        if SHADOW in documents:
            kept = state.frames[SHADOW], state.arrays[SHADOW], documents[SHADOW]
            self.shadow = Shadow.restored(kept, self.analysis.scoring, self.trackers)
        self.counters |= counters


def _joined(readings: Sequence[Reading]) -> Iterator[Reading]:
    """What was read of one partition in several goes, as if it had been one."""
    for place in sorted({(topic, partition) for topic, partition, _ in readings}):
        found = [decoded for *where, decoded in readings if tuple(where) == place]
        records = pl.concat([decoded.records for decoded in found])
        source = np.concatenate([decoded.source for decoded in found])
        yield *place, Decoded(records, source, pl.concat([decoded.dead for decoded in found]))


def _as_metrics(windows: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Windows of metrics, and of log lines, which look like those."""
    metrics = windows[TOPIC_METRICS]
    return pl.concat([metrics, windows[TOPIC_LOGS].select(metrics.columns)])


def _with_line_ids(decoded: Decoded, partition: int, offsets: Sequence[int]) -> Decoded:
    """Log records with the place where each lies in the event log, as `line_id`.

    The instant before it keeps ids apart where a new log begins at offset 0 again.
    """
    offset = np.asarray(offsets, np.int64)[decoded.source]
    number = np.arange(len(offset)) - np.searchsorted(decoded.source, decoded.source)
    line_id = pl.format(
        "{}-{}-{}-{}",
        pl.col("time").dt.epoch("us"),
        pl.lit(partition),
        pl.Series(offset),
        pl.Series(number),
    )
    return replace(decoded, records=decoded.records.with_columns(line_id=line_id))
