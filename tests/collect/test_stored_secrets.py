"""Nothing secret is stored, whichever way it comes in: every store is read back and searched."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import grpc
import httpx
import pytest
import sqlalchemy as sa
from listening import listening
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from otlp_messages import START_NS, log_request, trace_request

from vigil.collect.ingest import ingest_files
from vigil.collect.probe import Check, check_all, store
from vigil.collect.receive.group_commit import GroupCommit
from vigil.collect.replay import Mending, replay
from vigil.detect import DetectorSettings, OnlineDetector
from vigil.events.access_logs import AccessLog, access_log_type
from vigil.events.access_logs.formats import FORMATS
from vigil.events.content import CONTENT_TYPE, JSON, NDJSON, PROTOBUF
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_DEAD_LETTERS, TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS
from vigil.stores.checkpoint import Checkpoint, CheckpointStore
from vigil.stores.log import Message
from vigil.stores.memory_log import MemoryLog
from vigil.stores.sink_outbox import Documents, SinkOutbox, put_aside
from vigil.stream.pipeline import Pipeline
from vigil.windows.tumbling import WindowSpec

TOPICS = (TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS, TOPIC_DEAD_LETTERS, "vigil.replays")
AT = datetime.fromtimestamp(START_NS / 1e9, UTC)
# What no store may hold, and a word beside each that shows that the record itself arrived.
SECRETS = (
    "hunter2", "ann@shop.example", "4111111111111111", "4111 1111 1111 1111", "10.9.8.77",
    "ghp_abcdefghijklmnopqrst12", "eyJhbGciOiJI.eyJzdWIiOiIx", "s3cr3t",
)  # fmt: skip


def text(marker: str) -> str:
    """Free text with a secret of each kind."""
    return (
        f"{marker} password=hunter2 for ann@shop.example card 4111 1111 1111 1111 from 10.9.8.77"
        " ghp_abcdefghijklmnopqrst12 eyJhbGciOiJI.eyJzdWIiOiIx.c2ln at"
        " https://ann:s3cr3t@shop.example/a?token=hunter2"
    )


def attributes(marker: str) -> dict[str, str]:
    """Attributes with secrets in values and under telling names."""
    return {
        "note": text(marker), "db.password": "hunter2", "url.full": "https://x.example/a?k=s3cr3t",
        "nested": json.dumps({"password": "hunter2"}),
    }  # fmt: skip


def lines(*records: dict) -> bytes:
    """Records as NDJSON."""
    return b"\n".join(json.dumps(record).encode() for record in records)


def record(marker: str, **others) -> dict:
    """A log record, or with `duration_ms` an event."""
    return {
        "time": AT.isoformat(), "service": "cart", "attributes": attributes(marker), **others,
    }  # fmt: skip


def send_by_http(collector) -> None:
    """OTLP in both forms and remote write's neighbours, good and bad records."""
    trace = trace_request(
        {
            "attributes": attributes("mark-span"),
            "status": {"code": 2, "message": text("mark-error")},
        },
        {"end_time_unix_nano": START_NS - 1, "attributes": attributes("mark-dead-span")},
    )
    logs = log_request({"body": text("mark-otlp"), "attributes": attributes("mark-otlp-attribute")})
    whole = {
        "resourceLogs": [{
            "resource": {"attributes": [
                {"key": "service.name", "value": {"stringValue": "cart"}},
            ]},
            "scopeLogs": [{"logRecords": [
                {"timeUnixNano": str(START_NS), "body": {"stringValue": text("mark-otlp-json")},
                 "attributes": [{"key": "api_key", "value": {"stringValue": "hunter2"}}]},
            ]}],
        }]
    }  # fmt: skip
    for path, content_type, body in (
        ("/v1/traces", PROTOBUF, trace.SerializeToString()),
        ("/v1/logs", PROTOBUF, logs.SerializeToString()),
        ("/v1/logs", PROTOBUF, logs.SerializeToString()[:-3]),
        ("/v1/logs", JSON, json.dumps(whole).encode()),
        ("/v1/logs", JSON, json.dumps(whole).encode()[:-20]),
    ):
        httpx.post(
            collector.http + path, content=body, headers={"content-type": content_type}, timeout=60
        )


def send_by_grpc(collector) -> None:
    """OTLP/gRPC."""
    with grpc.insecure_channel(collector.grpc) as channel:
        LogsServiceStub(channel).Export(log_request({"body": text("mark-grpc")}))


async def follow_and_probe(event_log) -> None:
    """Access logs as a followed file gives them, and a check of a target that is not there."""
    commit = GroupCommit(event_log, Limits())
    running = asyncio.create_task(commit.run())
    log_line = (
        '10.9.8.77 - ann [31/Mar/2026:23:33:20 +0000] "GET /mark-access?token=hunter2 HTTP/1.1"'
        ' 200 5 "https://x.example/?k=s3cr3t" "agent ann@shop.example"'
    )
    access = access_log_type(AccessLog(FORMATS["nginx"], {"service": "cart"}))
    await commit.store(TOPIC_EVENTS, access, f"{log_line}\n{text('mark-no-line')}".encode(), None)
    target = Check("http://ann:s3cr3t@127.0.0.1:9/mark-probe?token=hunter2", service="cart")
    await store(await check_all([target]), commit)
    commit.stop()
    await running


def fill_from_files(event_log, folder) -> None:
    """`vigil ingest`, and letters mended and sent again."""
    path = folder / "logs.ndjson"
    path.write_bytes(
        lines(
            record("mark-file", body=text("mark-file-body")),
            record("mark-dead-file", body=text("mark-dead-file-body"), time="yesterday"),
        )
        + b"\n{broken "
        + text("mark-broken").encode()
    )
    ingest_files(event_log, [path], Limits(), kind="logs")
    replay(event_log, Mending(set={"time": AT.isoformat()}), Limits())


def fill_topics(event_log) -> None:
    """What others put on the topics, which the scorer reads itself."""
    event = {"duration_ms": 1.0, "error": text("mark-topic-error"), "route": "/a?token=hunter2"}
    metric = {"metric": 'queue{mark="topic",user="ann@shop.example"}', "value": 1.0}
    for topic, value in (
        (TOPIC_EVENTS, lines(record("mark-topic", **event))),
        (TOPIC_LOGS, lines(record("mark-topic-log", body=text("mark-topic-body")))),
        (TOPIC_METRICS, lines({"time": AT.isoformat(), "service": "cart", **metric})),
    ):
        event_log.append(topic, [Message(value, {CONTENT_TYPE: NDJSON})])


def score(event_log, engine) -> str:
    """Everything through the pipeline into the database, and into the outbox of a sink.

    Returns the dead letters that were found, and the state before the last windows were closed.
    """
    pipeline = Pipeline(WindowSpec(60), Limits(), OnlineDetector(DetectorSettings()))
    batches = {
        (topic, 0): found
        for topic in pipeline.topics
        if (found := event_log.read(topic, 0, 0, 10_000, 1 << 30))
    }
    step = pipeline.step(batches, AT + timedelta(days=1))
    state = pipeline.state().parts()
    kept = b"".join(part.content() for part in state.values())
    offsets = {topic: {0: 1} for topic in pipeline.topics}
    store = CheckpointStore(engine, "test")
    store.commit(Checkpoint(1, offsets, pipeline.counters), step.outputs, state)
    last = pipeline.step({}, AT + timedelta(days=1), finish=True)
    store.commit(Checkpoint(2, offsets, pipeline.counters), last.outputs)
    with engine.begin() as connection:
        documents = Documents(last.scored, last.outputs.alerts, step.outputs.lines)
        put_aside(connection, "test", 1, documents)
    return str(step.dead.rows()) + kept.decode("utf-8", "replace")


def everything_stored(collected, engine) -> str:
    """All that the collector wrote to its log, and all tables and waiting documents, as text."""
    found = []
    for topic in (TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS):
        if collected.event_log.read(topic, 0, 0, 1):
            found += [str(row) for row in collected.records(topic).rows()]
    for topic in (TOPIC_DEAD_LETTERS, "vigil.replays"):
        messages = collected.event_log.read(topic, 0, 0, 10_000, 1 << 30)
        found += [item.message.value.decode("utf-8", "replace") for item in messages]
    with engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            rows = connection.execute(sa.text(f'SELECT t::text FROM "{table}" t'))
            found += list(rows.scalars())
    waiting = SinkOutbox(engine, "test").waiting()
    found += [str(row) for row in waiting.documents.lines.rows()]
    found += [str(row) for row in waiting.documents.scores.rows()]
    return "\n".join(found)


@pytest.fixture
def stored(engine, tmp_path) -> str:
    """Everything that every store holds after secrets came in by every door."""
    with listening() as collector:
        send_by_http(collector)
        send_by_grpc(collector)
        asyncio.run(follow_and_probe(collector.event_log))
        fill_from_files(collector.event_log, tmp_path)
        # What others wrote lies on the topics as they wrote it: it is not ours to change.
        everything = MemoryLog()
        for topic in TOPICS:
            for item in collector.event_log.read(topic, 0, 0, 10_000, 1 << 30):
                everything.append(topic, [item.message])
        fill_topics(everything)
        return score(everything, engine) + everything_stored(collector, engine)


def test_no_secret_is_in_any_store(stored):
    """What came in by OTLP, access logs, files, probes, replayed letters or foreign topics."""
    arrived = (
        "mark-span", "mark-error", "mark-dead-span", "mark-otlp", "mark-otlp-attribute",
        "mark-otlp-json", "mark-grpc", "mark-access", "mark-no-line", "mark-probe", "mark-file",
        "mark-file-body", "mark-dead-file", "mark-broken", "mark-topic-body", 'mark="topic"',
    )  # fmt: skip
    assert [marker for marker in arrived if marker not in stored] == []
    leaks = {
        secret: stored[max(0, stored.index(secret) - 200) : stored.index(secret) + 60]
        for secret in SECRETS
        if secret in stored
    }
    assert leaks == {}
