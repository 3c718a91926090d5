"""What the scorer says about itself: metrics, spans, samples."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from vigil.config import Settings
from vigil.errors import ConfigError, DependencyError
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.schema import TOPIC_EVENTS
from vigil.services import service_environment
from vigil.status import read_status
from vigil.stores import open_log
from vigil.stores.database import open_database
from vigil.stores.log import Message
from vigil.stores.stream_health import Sample, StreamHealth, records_per_s
from vigil.stream.assembly import open_scorer
from vigil.stream.telemetry import CollectorRegistry, serving_metrics

START = datetime(2026, 3, 2, tzinfo=UTC)


def feed(settings: Settings, minutes: int = 5) -> None:
    """One request a second, and one broken line."""
    lines = [
        f'{{"time": "{(START + timedelta(seconds=n)).isoformat()}", "service": "a", "route": "/r",'
        f' "method": "GET", "status": 200, "duration_ms": 5.0, "environment": "onprem"}}'
        for n in range(60 * minutes)
    ]
    body = "\n".join([*lines, "{"]).encode()
    with closing(open_log(settings)) as event_log:
        event_log.append(TOPIC_EVENTS, [Message(body, {CONTENT_TYPE: NDJSON})])


def scraped(address: str) -> dict[tuple[str, str], float]:
    """(sample, labels) → value."""
    text = httpx.get(f"http://{address}/metrics").raise_for_status().text
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_tell_what_was_committed(store_settings, free_tcp_port):
    """Counters add up to what was read; watermark, lag and stage times are there."""
    address = f"127.0.0.1:{free_tcp_port}"
    settings = store_settings.model_copy(update={"metrics_address": address})
    feed(settings)
    with open_scorer(settings, "test", show=None) as scorer:
        assert scraped(address)["vigil_read_total", ""] == 0
        scorer.run(threading.Event(), drain=True)
        found = scraped(address)
        counters = scorer.pipeline.counters
    assert counters["read"] == 301
    assert {name: found[f"vigil_{name}_total", ""] for name in counters} == counters
    assert found["vigil_watermark_timestamp_seconds", TOPIC_EVENTS] == START.timestamp() + 300
    assert found["vigil_lag_messages", f"0,{TOPIC_EVENTS}"] == 1, "as of the start"
    assert found["vigil_stage_seconds_count", "commit"] == 2
    with pytest.raises(httpx.ConnectError):
        scraped(address)


def test_a_restarted_scorer_goes_on_counting(store_settings, free_tcp_port):
    """Prometheus sees no reset where nothing was reset."""
    address = f"127.0.0.1:{free_tcp_port}"
    settings = store_settings.model_copy(update={"metrics_address": address})
    feed(settings)
    for expected in (301, 301):
        with open_scorer(settings, "test", show=None) as scorer:
            scorer.run(threading.Event(), drain=True)
            assert scraped(address)["vigil_read_total", ""] == expected


def test_an_address_that_cannot_be_used_is_an_error(free_tcp_port):
    """With the variable's name and the value."""
    registry, address = CollectorRegistry(), f"127.0.0.1:{free_tcp_port}"
    with pytest.raises(ConfigError, match=r"VIGIL_METRICS_ADDRESS .*got 'nonsense'"):
        serving_metrics(registry, "nonsense").__enter__()
    with (
        serving_metrics(registry, address),
        pytest.raises(DependencyError, match=address),
        serving_metrics(registry, address),
    ):
        pass


@pytest.fixture
def span_receiver() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """An OTLP receiver; its address and what it got."""
    requests: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()


def test_each_step_is_a_trace_where_opentelemetry_is_told_where_to(store_settings, span_receiver):
    """The standard variable turns it on; a stage is a child of its step."""
    endpoint, requests = span_receiver
    feed(store_settings)
    environment = os.environ | service_environment(store_settings)
    environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    vigil = str(Path(sys.executable).parent / "vigil")
    subprocess.run([vigil, "score", "--drain", "--quiet"], env=environment, check=True, timeout=120)
    resources = [resource for request in requests for resource in request.resource_spans]
    spans = [span for r in resources for scope in r.scope_spans for span in scope.spans]
    assert {a.value.string_value for a in resources[0].resource.attributes} >= {"vigil-scorer"}
    steps = {span.span_id: span for span in spans if span.name == "vigil.step"}
    children = [span for span in spans if span.parent_span_id in steps]
    assert {span.name for span in children} == {"vigil.compute", "vigil.checkpoint", "vigil.commit"}
    [first] = [s for s in steps.values() if s.attributes]
    assert [(a.key, a.value.int_value) for a in first.attributes] == [("messages", 1)]


def test_status_has_lag_watermark_and_throughput(store_settings):
    """From the scorer's own samples of the last minute."""
    engine = open_database(store_settings)
    health, now = StreamHealth(engine, "vigil-scorer"), datetime.now(UTC)
    for age_s, read in ((3 * 86_400, 0), (40, 1_000), (0, 5_000)):
        health.note(Sample(now - timedelta(seconds=age_s), read, 0, 7, {"vigil.events": START}))
    stream = read_status(store_settings)["stream"]
    assert stream["watermark_at"] == START
    assert stream["records_per_s"] == pytest.approx(100)
    kept = health.since(now - timedelta(days=10))
    assert [sample.records_read for sample in kept] == [1_000, 5_000], "a day is kept"
    assert records_per_s(kept[:1]) is None
    engine.dispose()
