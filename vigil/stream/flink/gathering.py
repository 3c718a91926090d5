"""What the shards wrote, into the database: the scorer's pipeline where Flink does the scoring.

Windows are kept as they come. Decisions wait until every shard has come as far, since incidents are
made of them in the order of event time. Begun on the checkpoint of Vigil's own engine, it goes on
with that one's incidents, and leaves alone what that one has scored.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from vigil.alerts.message import alert_document
from vigil.detect.feedback import Label
from vigil.events.schema import KEY_COLUMNS, TOPIC_EVENTS
from vigil.incidents.grouping import TOLD, Exempt, IncidentTracker
from vigil.incidents.rules import IncidentRules
from vigil.journeys.graph import EDGES, added_up
from vigil.stores.bundle import Bundle
from vigil.stores.checkpoint import Offsets, Outputs
from vigil.stores.log import StoredMessage
from vigil.stores.stream_health import WorkerSample
from vigil.stores.timescale import METRIC_WINDOWS, REQUEST_WINDOWS, SCORES
from vigil.stores.trials import Trial
from vigil.stream.flink import tables
from vigil.stream.flink.options import READ
from vigil.stream.pipeline import STATE_OF_FLINK, Batches, Step
from vigil.stream.state import State
from vigil.stream.tables import TABLE, table_rows
from vigil.windows.watermark import UNSEEN

_KEYED = ("series_id", "key_id", "metric", *KEY_COLUMNS)


class _Stream:
    """Decisions of one topic's windows that wait for the slowest shard."""

    def __init__(self) -> None:
        self.waiting: list[pl.DataFrame] = []
        self.complete_us: dict[int, int] = {}
        self.shards = 0

    def take(self, stored: StoredMessage, scored_to_us: int) -> None:
        headers = stored.message.headers
        rows = table_rows(stored.message.value)
        if rows.height:
            self.waiting.append(rows.filter(pl.col("window_start").dt.epoch("us") > scored_to_us))
        if tables.COMPLETE_US in headers:
            self.shards = int(headers[tables.SHARDS])
            self.complete_us[int(headers[tables.SHARD])] = int(headers[tables.COMPLETE_US])

    def watermark_us(self) -> int:
        """Up to which all shards have come."""
        if not self.shards or len(self.complete_us) < self.shards:
            return UNSEEN
        return min(self.complete_us.values())

    def release(self, window_us: int, finish: bool) -> pl.DataFrame | None:
        """Decisions of windows that are complete, in order; None for none."""
        if not self.waiting:
            return None
        rows = pl.concat(self.waiting)
        ended = pl.col("window_start").dt.epoch("us") + window_us <= self.watermark_us()
        ready = rows if finish else rows.filter(ended)
        self.waiting = [] if finish else [rows.filter(~ended)]
        return ready.sort("window_start", "revision", "series_id") if ready.height else None


class Gathering:
    """All state of a scorer whose windows and scores come from Flink; stands in for `Pipeline`."""

    topics = inputs = (tables.TOPIC_WINDOWS, tables.TOPIC_SCORES)
    announces = False

    def __init__(
        self,
        window_s: int,
        rules: IncidentRules | None = None,
        exempt: Exempt = lambda row, at: "",
    ) -> None:
        self._window_us = window_s * 1_000_000
        self.trackers = {topic: IncidentTracker(topic, rules, window_s, exempt) for topic in READ}
        self._streams = {topic: _Stream() for topic in READ}
        self._known: set[int] = set()
        self.labelled_to = 0
        # The last window that Vigil's own engine has scored before Flink took over.
        self._scored_to_us = UNSEEN
        self.counters = dict.fromkeys(
            ("read", "accepted", "dead", "late", "windows", "scores", "flagged", "alerts"), 0
        )

    def use(self, bundle: Bundle | None) -> None:
        """The job loads the champion by itself."""

    def put_in_shadow(self, trial: Trial, bundle: Bundle) -> None:
        """Nothing scores here: with Flink there is no shadow, and no promotion by itself."""

    def end_shadow(self) -> None:
        """Nothing to do, see `put_in_shadow`."""

    def follow(self, rules: IncidentRules, exempt: Exempt) -> None:
        """See `Pipeline.follow`."""
        for tracker in self.trackers.values():
            tracker.rules, tracker.exempt = rules, exempt

    def step(self, batches: Batches, now_at: datetime, finish: bool = False) -> Step:
        """Take messages, oldest first in each partition; see `Pipeline.step`."""
        found = sorted(batches.items())
        return self.take([self.read(*place, messages, now_at) for place, messages in found], finish)

    def read(
        self, topic: str, partition: int, messages: Sequence[StoredMessage], now_at: datetime
    ) -> Sequence[StoredMessage]:
        """Nothing is to be done before `take`."""
        return messages

    def take(self, readings: Sequence[Sequence[StoredMessage]], finish: bool = False) -> Step:
        """One step over what `read` gave, oldest first in each partition."""
        found = self._read(readings)
        released = {
            topic: stream.release(self._window_us, finish)
            for topic, stream in self._streams.items()
        }
        changes = [
            alert_document(action, incident, tracker.topology)
            for topic, tracker in self.trackers.items()
            if (decisions := released[topic]) is not None
            for action, incident in tracker.update(decisions)
        ]
        alerts = [change for change in changes if change["action"] in TOLD]
        scored = pl.concat(
            [
                _NO_SCORES,
                *(rows.drop("worst_traces") for rows in released.values() if rows is not None),
            ],
            how="diagonal_relaxed",
        )
        self._count(found, scored, len(alerts))
        keys, series = self._new_names(scored)
        outputs = Outputs(
            keys=keys,
            series=series,
            request_windows=_newest(found[tables.REQUEST_WINDOWS], "key_id"),
            metric_windows=_newest(found[tables.METRIC_WINDOWS], "series_id"),
            scores=scored.select(list(SCORES)),
            late=found[tables.LATE],
            edges=added_up(found[tables.EDGES]),
            incidents=list({change["incident_id"]: change for change in changes}.values()),
            alerts=alerts,
            attributions=pl.concat(tracker.take_joined() for tracker in self.trackers.values()),
        )
        return Step(outputs, pl.DataFrame(), scored)

    def _read(self, readings: Sequence[Sequence[StoredMessage]]) -> dict[str, pl.DataFrame]:
        """The tables in the messages; decisions join those that wait."""
        found: dict[str, list[pl.DataFrame]] = {name: [empty] for name, empty in _EMPTY.items()}
        for messages in readings:
            for stored in messages:
                headers = stored.message.headers
                table = headers.get(TABLE, "")
                if table == tables.SCORES:
                    self._streams[headers[tables.STREAM]].take(stored, self._scored_to_us)
                    for name, counter in ((tables.ACCEPTED, "accepted"), (tables.DEAD, "dead")):
                        self.counters[counter] += int(headers.get(name, 0))
                elif table in found:
                    found[table].append(table_rows(stored.message.value))
        joined = {name: pl.concat(rows, how="diagonal_relaxed") for name, rows in found.items()}
        calls = joined[tables.EDGES].filter(pl.col("caller") != "").select("caller", "service")
        self.trackers[TOPIC_EVENTS].learn_calls(calls.unique().iter_rows())
        return joined

    def _new_names(self, scored: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows for the tables `keys` and `series`, of series not met before."""
        new = (
            scored.select(_KEYED)
            .unique("series_id")
            .filter(~pl.col("series_id").is_in(list(self._known)))
        )
        self._known.update(new["series_id"])
        keys = new.select("key_id", *KEY_COLUMNS).unique("key_id")
        return keys, new.select("series_id", "key_id", "metric")

    def _count(self, found: Mapping[str, pl.DataFrame], scored: pl.DataFrame, alerts: int) -> None:
        counters = self.counters
        counters["read"] = counters["accepted"] + counters["dead"]
        counters["late"] += int(found[tables.LATE]["records"].sum())
        windows = (tables.REQUEST_WINDOWS, tables.METRIC_WINDOWS)
        counters["windows"] += sum(found[name].height for name in windows)
        counters["scores"] += scored.height
        counters["flagged"] += int(scored["flagged"].sum())
        counters["alerts"] += alerts

    def awaited(self) -> list[tuple[str, int]]:
        """None is waited for: shards say how far they are."""
        return []

    def learn(self, labels: Sequence[Label]) -> None:
        """Pass labels by: the job's detectors learn from them with the next bundle only."""
        self.labelled_to = max([self.labelled_to, *(label.label_id for label in labels)])

    def wait_for(self, places: Iterable[tuple[str, int]]) -> None:
        """Nothing to do, see `awaited`."""

    def mark_idle(self, topic: str, partition: int) -> None:
        """Nothing to do, see `awaited`."""

    def watermarks(self) -> dict[str, datetime]:
        """Topic → event time up to which every shard has come."""
        return {
            topic: datetime.fromtimestamp(stream.watermark_us() / 1e6, UTC)
            for topic, stream in self._streams.items()
            if stream.watermark_us() != UNSEEN
        }

    @property
    def series_count(self) -> int:
        """Series met so far."""
        return len(self._known)

    @property
    def workers(self) -> Mapping[str, WorkerSample]:
        """Other processes that fold windows for it, by name."""
        return {}

    @property
    def reached(self) -> Offsets:
        """Nothing: how far the job has read is kept in Flink."""
        return {}

    def state(self) -> State:
        """Everything needed to go on after a crash, as it is now."""
        frames = {
            f"waiting.{topic}": {str(n): rows for n, rows in enumerate(stream.waiting)}
            for topic, stream in self._streams.items()
        }
        documents: dict[str, Any] = {
            f"incidents.{topic}": tracker.state() for topic, tracker in self.trackers.items()
        }
        documents["series"] = sorted(self._known)
        documents["scored_to_us"] = self._scored_to_us
        documents[STATE_OF_FLINK] = {
            topic: [stream.shards, list(stream.complete_us.items())]
            for topic, stream in self._streams.items()
        }
        return State(frames, {}, documents)

    def restore(self, state: State, counters: Mapping[str, int]) -> None:
        """Go on from `state()`, or from a `Pipeline`'s, and the counters committed with it."""
        frames, documents = state.frames, state.documents
        for topic, tracker in self.trackers.items():
            tracker.restore(documents[f"incidents.{topic}"])
        self.counters |= counters
        if STATE_OF_FLINK not in documents:
            self._known = set(frames["series"]["known"]["series_id"])
            scored_to = frames["scoring"]["scored_to"]["scored_to"].dt.epoch("us").max()
            self._scored_to_us = UNSEEN if scored_to is None else int(scored_to)  # type: ignore[arg-type]
            return
        self._known = set(documents["series"])
        self._scored_to_us = documents["scored_to_us"]
        for topic, stream in self._streams.items():
            stream.waiting = list(frames.get(f"waiting.{topic}", {}).values())
            stream.shards, complete_us = documents[STATE_OF_FLINK][topic]
            stream.complete_us = dict(complete_us)


_SCORED = {
    **SCORES,
    "key_id": pl.Int64,
    "metric": pl.String,
    **dict.fromkeys(KEY_COLUMNS, pl.String),
}
_NO_SCORES = pl.DataFrame(schema=_SCORED)
_EMPTY = {
    tables.REQUEST_WINDOWS: pl.DataFrame(
        schema={
            **REQUEST_WINDOWS,
            "sketch_buckets": pl.List(pl.Int32),
            "sketch_counts": pl.List(pl.Int64),
            "worst_traces": pl.List(pl.String),
        }
    ),
    tables.METRIC_WINDOWS: pl.DataFrame(schema=METRIC_WINDOWS),
    tables.EDGES: pl.DataFrame(schema=EDGES),
    tables.LATE: pl.DataFrame(
        schema={
            "topic": pl.String,
            "record_id": pl.Int64,
            "window_start": pl.Datetime("us", "UTC"),
            "records": pl.Int64,
        }
    ),
}


def _newest(windows: pl.DataFrame, identity: str) -> pl.DataFrame:
    """The last revision of each window: one statement writes a row once."""
    return windows.sort("revision").unique([identity, "window_start"], keep="last")
