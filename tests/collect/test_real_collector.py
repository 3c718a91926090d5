"""The OpenTelemetry Collector itself sends: by OTLP/HTTP, OTLP/gRPC and by way of Kafka."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from otlp_messages import key_values, log_request, trace_request
from real_servers import SERVERS, require

from vigil.events.content import CONTENT_TYPE, PROTOBUF
from vigil.events.decode import Limits, Payload, decode
from vigil.events.schema import SCHEMA_OF_TOPIC, TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS
from vigil.stores.kafka_log import KafkaLog

VARIABLE = "VIGIL_TEST_OTELCOL"
WAIT_S = 60
SPANS = 40
KAFKA_TOPICS = {"traces": "vigil.events", "logs": "vigil.logs", "metrics": "otlp_metrics"}

CONFIGURATION = """
receivers:
  otlp:
    protocols:
      http: {{ endpoint: "127.0.0.1:{port}" }}
processors:
  batch: {{ timeout: 100ms }}
exporters:
{exporters}
service:
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines:
    traces: &way {{ receivers: [otlp], processors: [batch], exporters: [{names}] }}
    logs: *way
    metrics: *way
"""


@pytest.fixture(scope="module")
def otelcol() -> Path:
    """The program that the variable names."""
    path = os.environ.get(VARIABLE, "")
    reason = "" if path else f"no OpenTelemetry Collector: set {VARIABLE} to its program"
    require("otelcol", reason)
    asked = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    SERVERS["otelcol"] = f"{asked.stdout.split()[-1]}, real, {VARIABLE}"
    return Path(path)


@pytest.fixture
def collector(otelcol: Path, tmp_path: Path) -> Iterator[Callable[[str, str], str]]:
    """Starts a Collector with exporters (names, YAML); returns the address to send to."""
    running = []

    def start(names: str, exporters: str) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        text = CONFIGURATION.format(port=port, names=names, exporters=exporters)
        configuration = tmp_path / "collector.yaml"
        configuration.write_text(text)
        log = (tmp_path / "collector.log").open("wb")
        arguments = [str(otelcol), f"--config=file:{configuration}"]
        running.append(subprocess.Popen(arguments, stdout=log, stderr=log))
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and running[-1].poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return f"http://127.0.0.1:{port}"
            time.sleep(0.1)
        raise AssertionError((tmp_path / "collector.log").read_text()[-2_000:])

    yield start
    for process in running:
        process.terminate()
        process.wait(30)


def totals(*values: int) -> ExportMetricsServiceRequest:
    """A counter's totals, ten seconds apart, the last one now."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(key_values({"service.name": "checkout"}))
    metric = group.scope_metrics.add().metrics.add(name="orders")
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = 2
    for number, value in enumerate(values):
        at_ns = time.time_ns() - (len(values) - 1 - number) * 10 * 10**9
        metric.sum.data_points.add(as_int=value, time_unix_nano=at_ns)
    return request


def send_all(address: str) -> None:
    """Spans in several requests, logs, totals of a counter."""
    for _ in range(SPANS // 4):
        post(address, "/v1/traces", trace_request({}, {}, {}, {}))
    post(address, "/v1/logs", log_request({"body": "card refused", "severity_number": 17}))
    post(address, "/v1/metrics", totals(5, 25))


def post(address: str, path: str, message) -> None:
    """To the Collector, as an application does."""
    headers = {"content-type": PROTOBUF}
    content = message.SerializeToString()
    httpx.post(address + path, content=content, headers=headers, timeout=60).raise_for_status()


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.1)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_its_otlp_exporters_reach_the_receiver(collector, listen, protocol):
    """Batches, compressed as is its default; nothing is lost, nothing is refused."""
    with listen() as receiver:
        exporters = {
            "http": f"  otlphttp:\n    endpoint: {receiver.http}\n",
            "grpc": f"  otlp:\n    endpoint: {receiver.grpc}\n    tls: {{ insecure: true }}\n",
        }
        name = {"http": "otlphttp", "grpc": "otlp"}[protocol]
        send_all(collector(name, exporters[protocol]))
        counters = receiver.receiver.intake.commit.counters
        wait_for(lambda: counters["accepted"] >= SPANS + 1 + 2)
        assert receiver.records(TOPIC_EVENTS).height == SPANS
        logs = receiver.records(TOPIC_LOGS)
        assert logs.select("service", "severity", "body").rows() == [
            ("checkout", "ERROR", "card refused")
        ]
        assert receiver.records(TOPIC_METRICS)["metric"].to_list() == ["orders_rate"]
        assert counters["dead"] == counters["refused"] == 0


def test_its_kafka_exporter_fills_topics_that_are_read(collector, kafka):
    """Protobuf without a header, as it is written by default."""
    exporters = f"  kafka:\n    brokers: ['{kafka.address}']\n" + "".join(
        f"    {signal}: {{ topic: {topic}, encoding: otlp_proto }}\n"
        for signal, topic in KAFKA_TOPICS.items()
    )
    event_log = KafkaLog(f"kafka://{kafka.address}")
    for topic in KAFKA_TOPICS.values():
        event_log.create_topic(topic)
    begin = {topic: event_log.end_offsets(topic)[0] for topic in KAFKA_TOPICS.values()}

    def written(topic: str) -> list[Payload]:
        stored = event_log.read(topic, 0, begin[topic], 1_000)
        return [
            Payload(item.message.headers.get(CONTENT_TYPE, ""), item.message.value, topic)
            for item in stored
        ]

    def records(topic: str):
        return decode(written(topic), SCHEMA_OF_TOPIC[topic], datetime.now(UTC), Limits()).records

    send_all(collector("kafka", exporters))
    wait_for(lambda: all(written(topic) for topic in KAFKA_TOPICS.values()))
    wait_for(lambda: records(TOPIC_EVENTS).height >= SPANS)
    assert records(TOPIC_EVENTS).height == SPANS
    assert records(TOPIC_LOGS)["body"].to_list() == ["card refused"]
    sent = ExportMetricsServiceRequest.FromString(written("otlp_metrics")[0].value)
    assert sent.resource_metrics[0].scope_metrics[0].metrics[0].name == "orders"
    event_log.close()
