"""What the scorer tells about itself: Prometheus metrics, OpenTelemetry spans, kept samples.

Metrics are read from one snapshot that each commit replaces, so a scrape never sees half a step
and nothing is counted twice. Spans go where the standard `OTEL_EXPORTER_OTLP_…` variables say;
without them they cost nothing.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from opentelemetry import trace
from prometheus_client import (
    CollectorRegistry,
    Histogram,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vigil.errors import ConfigError, DependencyError
from vigil.stores.stream_health import Sample, StreamHealth, WorkerSample

SAMPLE_S = 10.0
STAGE_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_tracer = trace.get_tracer("vigil")

_COUNTERS = {
    "read": "Records read from the event log",
    "accepted": "Records that were put into windows",
    "dead": "Records that went to the dead letters",
    "late": "Records that came after their window's lateness",
    "windows": "Windows emitted, revisions included",
    "scores": "Scores made",
    "flagged": "Scores that were flagged",
    "alerts": "Alerts raised: opened, updated and resolved",
    "traces": "Traces completed",
    "traces_evicted": "Traces given up half done, to stay within memory",
    "spans_late": "Spans that came when their trace was closed",
}
# Attribute → name and meaning.
_OF_A_WORKER = {
    "accepted": ("accepted", "Records that the worker has put into windows"),
    "dead": ("dead", "Records of the worker that went to the dead letters"),
    "cpu_s": ("cpu_seconds", "CPU time of the worker"),
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The scorer after a commit; counters since its first start, watermarks by topic."""

    epoch: int = 0
    counters: Mapping[str, int] = field(default_factory=dict)
    watermarks: Mapping[str, datetime] = field(default_factory=dict)
    series: int = 0
    workers: Mapping[str, WorkerSample] = field(default_factory=dict)


Lag = Mapping[tuple[str, int], int]


class _ScorerCollector(Collector):
    """Turns the latest snapshot into Prometheus' metric families."""

    def __init__(self) -> None:
        self.snapshot = Snapshot()
        self.lag: Lag = {}
        self.not_handed_over: Lag = {}

    def collect(self) -> Iterator[Metric]:
        now = self.snapshot
        for name, said in _COUNTERS.items():
            yield CounterMetricFamily(f"vigil_{name}", said, value=now.counters.get(name, 0))
        yield GaugeMetricFamily("vigil_checkpoint_epoch", "Number of the last commit", now.epoch)
        yield GaugeMetricFamily("vigil_series", "Series known to the scorer", now.series)
        watermark = GaugeMetricFamily(
            "vigil_watermark_timestamp_seconds", "Event time that is complete", labels=["topic"]
        )
        for topic, at in now.watermarks.items():
            watermark.add_metric([topic], at.timestamp())
        yield watermark
        yield _lag_gauge("vigil_lag_messages", "Messages not read yet", self.lag)
        if now.workers:
            yield _lag_gauge(
                "vigil_workers_lag_messages",
                "Messages that no worker has handed over yet",
                self.not_handed_over,
            )
        yield from _of_workers(now.workers)


def _lag_gauge(name: str, said: str, lag: Lag) -> Metric:
    gauge = GaugeMetricFamily(name, said, labels=["topic", "partition"])
    for (topic, partition), messages in lag.items():
        gauge.add_metric([topic, str(partition)], messages)
    return gauge


def _of_workers(workers: Mapping[str, WorkerSample]) -> Iterator[Metric]:
    """Counters of each since it began, and what it reads; nothing where there is none."""
    if not workers:
        return
    for attribute, (name, said) in _OF_A_WORKER.items():
        family = CounterMetricFamily(f"vigil_worker_{name}", said, labels=["worker"])
        for worker, state in workers.items():
            family.add_metric([worker], getattr(state, attribute))
        yield family
    heard = GaugeMetricFamily(
        "vigil_worker_heard_timestamp_seconds", "When it last handed over", labels=["worker"]
    )
    reads = GaugeMetricFamily(
        "vigil_worker_reads", "1 for who reads the partition", labels=["worker", "partition"]
    )
    for worker, state in workers.items():
        heard.add_metric([worker], state.heard_at.timestamp())
        for partition in state.partitions:
            reads.add_metric([worker, partition], 1)
    yield from (heard, reads)


class Telemetry:
    """Observes one scorer; `registry` is what `/metrics` serves."""

    def __init__(self, health: StreamHealth) -> None:
        self.registry = CollectorRegistry()
        self._health = health
        self._scorer = _ScorerCollector()
        self._sampled = -SAMPLE_S
        self._stages = Histogram(
            "vigil_stage_seconds",
            "Time of a step's stage",
            ["stage"],
            buckets=STAGE_BOUNDS_S,
            registry=self.registry,
        )
        self.registry.register(self._scorer)
        # CPU time and memory of this process.
        ProcessCollector(registry=self.registry)

    @contextmanager
    def stage(self, name: str, **attributes: int) -> Iterator[None]:
        """Time what happens inside, as a histogram and as a span."""
        with (
            self._stages.labels(name).time(),
            _tracer.start_as_current_span(f"vigil.{name}", attributes=attributes),
        ):
            yield

    def committed(self, snapshot: Snapshot) -> None:
        """From now on this is the scorer's state."""
        self._scorer.snapshot = snapshot

    def sample_is_due(self) -> bool:
        """True every ten seconds; counting the lag is not free."""
        return time.monotonic() - self._sampled >= SAMPLE_S

    def sample(self, lag: Lag, not_handed_over: Lag) -> None:
        """Keep the state with the lag, for `vigil status`, `vigil doctor` and the board.

        not_handed_over: of it, what workers have still to do.
        """
        self._sampled = time.monotonic()
        self._scorer.lag, self._scorer.not_handed_over = lag, not_handed_over
        now = self._scorer.snapshot
        self._health.note(
            Sample(
                at=datetime.now(UTC),
                records_read=now.counters.get("read", 0),
                records_dead=now.counters.get("dead", 0),
                lag_messages=sum(lag.values()),
                watermarks=now.watermarks,
                workers=now.workers,
            )
        )


@contextmanager
def serving_metrics(registry: CollectorRegistry, address: str) -> Iterator[None]:
    """`/metrics` on `HOST:PORT` for as long as the block runs; an empty address serves nothing.

    Raises ConfigError for an address that is none, DependencyError for a port that is taken.
    """
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"VIGIL_METRICS_ADDRESS must be HOST:PORT, got {address!r}")
    try:
        server, thread = start_http_server(int(port), host, registry)
    except OSError as error:
        raise DependencyError(f"VIGIL_METRICS_ADDRESS {address} cannot be used: {error}") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def exporting_spans(service: str) -> Iterator[None]:
    """Send spans by OTLP while the block runs, if `OTEL_EXPORTER_OTLP_ENDPOINT` says where to.

    The exporter reads the other standard variables (headers, timeout, certificate) by itself.
    """
    wanted = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if not any(os.environ.get(name) for name in wanted):
        yield
        return
    # Half a second of imports that only this case needs.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
