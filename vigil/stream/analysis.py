"""Records to decisions: windows, observations and scores of all series, or of a share of them.

The part of the stream that is the same in Vigil's own scorer and in each shard of the Flink job.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from vigil.detect import OnlineDetector
from vigil.events.schema import KEY_COLUMNS, TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS
from vigil.features.observations import metric_observations, request_observations
from vigil.journeys.graph import EDGES, added_up, edge_metrics
from vigil.stream.scoring import Scoring
from vigil.stream.series import SeriesDirectory
from vigil.windows.folds import Fold, LineFold, MetricFold, Parts, RequestFold
from vigil.windows.tumbling import TumblingWindows, WindowSpec
from vigil.windows.watermark import UNSEEN, Progress

FOLDS: dict[str, type[Fold]] = {
    TOPIC_EVENTS: RequestFold,
    TOPIC_METRICS: MetricFold,
    TOPIC_LOGS: LineFold,
}
TOPICS = tuple(FOLDS)

# What is read of a record; of log lines everything is.
RECORD_COLUMNS = {
    TOPIC_EVENTS: (
        "time", *KEY_COLUMNS, "kind", "status", "duration_ms", "request_bytes", "response_bytes",
        "error", "trace_id", "peer_service",
    ),
    TOPIC_METRICS: ("time", *KEY_COLUMNS, "metric", "value"),
}  # fmt: skip

Frames = dict[str, dict[str, pl.DataFrame]]
Arrays = dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True, slots=True)
class Analysed:
    """Closed windows and their decisions, by topic.

    A decision has the score columns, the key columns, the metric and `worst_traces`. edges: what
    the requests taken since the last time add to the service graph (schema EDGES). calls: the
    (caller, callee) pairs among them that this process had not met before.
    """

    windows: Mapping[str, pl.DataFrame]
    scored: Mapping[str, pl.DataFrame]
    edges: pl.DataFrame
    calls: Sequence[tuple[str, str]]


class Analysis:
    """State of the windows of some topics, the directory of series and the detector."""

    def __init__(
        self, spec: WindowSpec, detector: OnlineDetector, topics: Sequence[str] = TOPICS
    ) -> None:
        self.windows = {topic: TumblingWindows(spec, FOLDS[topic]()) for topic in topics}
        self.series = SeriesDirectory()
        self.scoring = Scoring(spec, detector)
        self._window_us = spec.window_us
        self._absent_to: int | None = None
        # Since the last time that windows were emitted; the first is none.
        self._edges = [pl.DataFrame(schema=EDGES)]
        # What scoring makes of no windows: most steps close none.
        self._no_scores: dict[str, pl.DataFrame] = {}

    def take(
        self, topic: str, partition: int, records: pl.DataFrame, progress: Progress | None = None
    ) -> pl.DataFrame:
        """Put requests, metric points or counted lines into windows; returns the late ones.

        Columns of these: `window_start` (epoch µs), `record_id`, `topic`. `progress` as in
        `TumblingWindows.push`.
        """
        if topic == TOPIC_EVENTS:
            records = self.series.identify_requests(records)
            self._edges.append(edge_metrics(records))
        else:
            records = self.series.identify_metrics(records)
        windows = self.windows[topic]
        late = windows.push(partition, records, progress)
        return late.select("window_start", record_id=windows.fold.id_name, topic=pl.lit(topic))

    def take_parts(
        self, topic: str, parts: Parts, series: pl.DataFrame, edges: pl.DataFrame
    ) -> pl.DataFrame:
        """Put in what others have folded, with the series and edges of it; returns the late ones,
        as `count_late` does.
        """
        self.series.learn(series, edges.filter(pl.col("caller") != "").select("caller", "service"))
        self._edges.append(edges)
        windows = self.windows[topic]
        return windows.add(parts).select(
            topic=pl.lit(topic),
            record_id=windows.fold.id_name,
            window_start=pl.from_epoch("window_start", "us").dt.replace_time_zone("UTC"),
            records=windows.fold.count_name,
        )

    def emit(self, finish: bool = False) -> Analysed:
        """Windows that are due, scored; with `finish` also those that have not ended."""
        windows = {topic: self.windows[topic].emit(finish) for topic in self.windows}
        scored = {topic: self._score(topic, rows) for topic, rows in windows.items()}
        closed_us = self.windows[TOPIC_METRICS].watermark.current_us
        if closed_us // self._window_us != self._absent_to:
            self._absent_to = closed_us // self._window_us
            vanished = self._absent_observations(closed_us)
            if vanished.height:
                silent = self.scoring.score(vanished)
                scored[TOPIC_METRICS] = pl.concat([scored[TOPIC_METRICS], silent])
        edges, self._edges = added_up(pl.concat(self._edges)), self._edges[:1]
        return Analysed(windows, scored, edges, self.series.take_calls())

    def _score(self, topic: str, windows: pl.DataFrame) -> pl.DataFrame:
        if windows.height:
            return self.scoring.score(self._observations(topic, windows))
        if topic not in self._no_scores:
            self._no_scores[topic] = self.scoring.score(self._observations(topic, windows))
        return self._no_scores[topic]

    def _observations(self, topic: str, windows: pl.DataFrame) -> pl.DataFrame:
        if topic == TOPIC_EVENTS:
            return self._request_observations(windows)
        return self._metric_observations(windows)

    def _request_observations(self, requests: pl.DataFrame) -> pl.DataFrame:
        traces = requests.select("key_id", "window_start", "worst_traces")
        observed = request_observations(requests).join(traces, on=["key_id", "window_start"])
        return self.series.describe_series(observed)

    def _metric_observations(self, metrics: pl.DataFrame) -> pl.DataFrame:
        observed = metric_observations(self.series.describe_metrics(metrics))
        no_traces = pl.lit(None, pl.List(pl.String)).alias("worst_traces")
        return self.series.describe_series(observed.with_columns(no_traces))

    def _absent_observations(self, closed_us: int) -> pl.DataFrame:
        """A row without a value for each window in which a metric should long have come."""
        absent = self.series.describe_metrics(self.scoring.absences(closed_us))
        observed = absent.select(
            "key_id", "metric", "window_start",
            revision=pl.lit(0, pl.Int32), value=pl.lit(None, pl.Float64), weight=pl.lit(1.0),
            worst_traces=pl.lit(None, pl.List(pl.String)),
        )  # fmt: skip
        return self.series.describe_series(observed)

    def watermarks(self) -> dict[str, datetime]:
        """Topic → event time up to which it is complete, for topics that had events."""
        marks = {topic: windows.watermark for topic, windows in self.windows.items()}
        return {
            topic: datetime.fromtimestamp(mark.current_us / 1e6, UTC)
            for topic, mark in marks.items()
            if mark.current_us != UNSEEN
        }

    def state(self) -> tuple[Frames, Arrays]:
        """Everything needed to go on after a crash."""
        frames = {f"windows.{topic}": self.windows[topic].state() for topic in self.windows}
        frames["series"] = self.series.state()
        frames["scoring"] = self.scoring.state()
        return frames, {"detector": self.scoring.detector.state()}

    def restore(
        self,
        frames: Mapping[str, Mapping[str, pl.DataFrame]],
        arrays: Mapping[str, Mapping[str, np.ndarray]],
    ) -> None:
        """Go on from `state()`."""
        for topic, windows in self.windows.items():
            # A checkpoint of a version that read no logs has none of theirs.
            if f"windows.{topic}" in frames:
                windows.restore(frames[f"windows.{topic}"])
        self.series.restore(frames["series"])
        self.scoring.restore(frames["scoring"], arrays["detector"])


def count_late(late: list[pl.DataFrame]) -> pl.DataFrame:
    """Late records, as `take` returns them, counted by topic, id and window."""
    schema = {"window_start": pl.Int64, "record_id": pl.Int64, "topic": pl.String}
    return (
        pl.concat([pl.DataFrame(schema=schema), *late])
        .group_by("topic", "record_id", "window_start", maintain_order=True)
        .agg(records=pl.len().cast(pl.Int64))
        .with_columns(pl.col("window_start").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    )
