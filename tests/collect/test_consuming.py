"""Topics that others fill come in as if they had been sent."""

import asyncio
import contextlib
from datetime import UTC, datetime

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from otlp_messages import START_NS, key_values, log_request, trace_request

from vigil.collect.receive.consuming import GROUP, Source, consume
from vigil.collect.receive.group_commit import GroupCommit
from vigil.errors import InputError
from vigil.events.content import CONTENT_TYPE, PROTOBUF
from vigil.events.decode import Limits, Payload, decode
from vigil.events.schema import (
    SCHEMA_OF_TOPIC,
    TOPIC_DEAD_LETTERS,
    TOPIC_EVENTS,
    TOPIC_LOGS,
    TOPIC_METRICS,
)
from vigil.stores.log import Message
from vigil.stores.memory_log import MemoryLog


def counter(total: int, second: int) -> bytes:
    """A batch with one total, as the Collector's Kafka exporter writes it."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(key_values({"service.name": "cart"}))
    metric = group.scope_metrics.add().metrics.add(name="orders")
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = 2
    metric.sum.data_points.add(as_int=total, time_unix_nano=START_NS + second * 10**9)
    return request.SerializeToString()


def read(event_log, topic):
    """Records of one of our topics."""
    payloads = [
        Payload(item.message.headers[CONTENT_TYPE], item.message.value, "log")
        for item in event_log.read(topic, 0, 0, 100)
    ]
    return decode(payloads, SCHEMA_OF_TOPIC[topic], datetime.now(UTC), Limits()).records


def run(event_log, *sources: Source) -> None:
    """Read until there is nothing left."""

    async def until_quiet() -> None:
        commit = GroupCommit(event_log, Limits())
        running = asyncio.create_task(commit.run())
        tasks = [asyncio.create_task(consume(source, event_log, commit)) for source in sources]
        for _ in range(400):
            await asyncio.sleep(0.02)
            ends = {source: event_log.end_offsets(source.topic) for source in sources}
            if all(event_log.committed(GROUP, at.topic) == end for at, end in ends.items()):
                break
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        commit.stop()
        await running

    asyncio.run(until_quiet())


def test_metrics_of_a_topic_become_rates():
    """Totals of several messages are one counter; no header says what they hold."""
    event_log = MemoryLog()
    event_log.append("otlp_metrics", [Message(counter(5, 0)), Message(counter(25, 10))])
    run(event_log, Source.parse("metrics=otlp_metrics"))
    found = read(event_log, TOPIC_METRICS)
    assert found.select("service", "metric", "value").rows() == [("cart", "orders_rate", 2.0)]


def test_spans_and_logs_of_topics_are_stored():
    """Those of both kinds, side by side."""
    event_log = MemoryLog()
    event_log.append("otlp_spans", [Message(trace_request({}, {}).SerializeToString())])
    event_log.append("otlp_logs", [Message(log_request({"body": "x"}).SerializeToString())])
    run(event_log, Source.parse("traces=otlp_spans"), Source.parse("logs=otlp_logs"))
    assert read(event_log, TOPIC_EVENTS).height == 2
    assert read(event_log, TOPIC_LOGS)["body"].to_list() == ["x"]


def test_a_message_is_read_once_and_a_bad_one_is_a_dead_letter():
    """The group's position moves; what cannot be read holds nothing up."""
    event_log = MemoryLog()
    bad = Message(b"\n\xff\xff\xff", {CONTENT_TYPE: PROTOBUF})
    event_log.append("otlp_metrics", [Message(counter(5, 0)), bad, Message(counter(25, 10))])
    source = Source.parse("metrics=otlp_metrics")
    run(event_log, source)
    run(event_log, source)
    assert read(event_log, TOPIC_METRICS).height == 1
    assert len(event_log.read(TOPIC_DEAD_LETTERS, 0, 0, 10)) == 1


@pytest.mark.parametrize("text", ["metrics", "spans=x", "logs=", "logs=vigil.logs"])
def test_what_names_no_other_topic_is_refused(text):
    """With what was given."""
    with pytest.raises(InputError, match=text.removeprefix("logs=") or text):
        Source.parse(text)
