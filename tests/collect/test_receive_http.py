"""OTLP/HTTP answers as the specification says, and acknowledges what is durable."""

import contextlib
import gzip
import json
import socket
import zlib

import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from otlp_messages import START_NS, log_request, trace_request

from vigil.collect.receive.limits import ReceiverLimits
from vigil.errors import LogError
from vigil.events.content import JSON, PROTOBUF
from vigil.events.schema import TOPIC_DEAD_LETTERS, TOPIC_LOGS
from vigil.stores.memory_log import MemoryLog

BAD_SPAN = {"end_time_unix_nano": START_NS - 1_000_000}


def post(collector, body, path="/v1/traces", content_type=PROTOBUF, **headers):
    """Send a message or bytes."""
    content = body if isinstance(body, bytes) else body.SerializeToString()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = collector.http + path
    return httpx.post(
        url, content=content, headers={"content-type": content_type, **named}, timeout=60
    )


def test_what_is_acknowledged_is_in_the_log(listen):
    """An empty response means: everything was taken."""
    with listen() as collector:
        answer = post(collector, trace_request({}, {}))
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == PROTOBUF
        assert collector.records().height == 2
        assert post(collector, log_request({"body": "x"}), "/v1/logs").status_code == 200
        assert collector.records(TOPIC_LOGS)["body"].to_list() == ["x"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bodies_may_be_compressed(listen, encoding):
    """In one member or several."""
    body = trace_request({}).SerializeToString()
    packed = zlib.compress(body) if encoding == "deflate" else gzip.compress(body)
    twice = gzip.compress(body[:20]) + gzip.compress(body[20:])
    with listen() as collector:
        assert post(collector, packed, content_encoding=encoding).status_code == 200
        assert post(collector, twice, content_encoding="gzip").status_code == 200
        assert collector.records().height == 2


def test_a_partial_success_says_how_many_and_why(listen):
    """Rejected records are dead letters; the rest is stored; the sender must not send again."""
    with listen() as collector:
        answer = post(collector, trace_request({}, BAD_SPAN, {}))
        response = ExportTraceServiceResponse.FromString(answer.content)
        assert answer.status_code == 200
        assert response.partial_success.rejected_spans == 1
        assert "duration_ms must be >= 0, got -1.0" in response.partial_success.error_message
        assert collector.records().height == 2
        [stored] = collector.event_log.read(TOPIC_DEAD_LETTERS, 0, 0, 10)
        assert json.loads(stored.message.value)["rule"] == "must be >= 0"


def test_json_is_answered_in_json(collector):
    """Success, partial success and failure."""
    span = {"name": "a", "startTimeUnixNano": str(START_NS), "endTimeUnixNano": "1"}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "a"}}]}
    group = {"resource": resource, "scopeSpans": [{"spans": [span]}]}
    answer = post(collector, json.dumps({"resourceSpans": [group]}).encode(), content_type=JSON)
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert post(collector, b"{}", content_type=JSON).json() == {}
    broken = post(collector, b'{"resourceSpans": 1}', content_type=JSON)
    assert (broken.status_code, broken.json()["code"]) == (400, 3)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\x0a\xff", {}, 400),
        (b"not gzip", {"content_encoding": "gzip"}, 400),
        (gzip.compress(b"\x0a\x00")[:-9], {"content_encoding": "gzip"}, 400),
        (b"", {"content_encoding": "br"}, 415),
        (b"", {"content_type": "text/plain"}, 415),
        (b"x" * (17 << 20), {}, 413),
        (gzip.compress(bytes(17 << 20)), {"content_encoding": "gzip"}, 413),
    ],
)
def test_what_can_never_be_taken_is_refused_for_good(collector, body, headers, status):
    """With a Status that says why, and without a Retry-After."""
    answer = post(collector, body, **headers)
    assert answer.status_code == status
    assert "retry-after" not in answer.headers
    assert Status.FromString(answer.content).message


def test_a_body_may_grow_a_hundredfold_at_most(listen):
    """A zip bomb is cut short before it fills memory; small bodies compress well and may."""
    limits = ReceiverLimits(small_bytes=1_000)
    with listen(limits=limits) as collector:
        bomb = gzip.compress(bytes(1 << 20))
        assert post(collector, bomb, content_encoding="gzip").status_code == 413


def test_a_full_receiver_says_when_to_come_again(listen):
    """429 with Retry-After and the same as RetryInfo; nothing of the request is kept."""
    with listen(limits=ReceiverLimits(waiting_bytes=10)) as collector:
        answer = post(collector, trace_request({}))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        [detail] = Status.FromString(answer.content).details
        retry = RetryInfo()
        assert detail.Unpack(retry)
        assert retry.retry_delay.seconds == 1
        assert collector.receiver.intake.budget.taken_bytes == 0


class BrokenLog(MemoryLog):
    """A log that is down while `broken`."""

    broken = True

    def append(self, topic, messages):
        """Refuse, or store."""
        if self.broken:
            raise LogError("the event log is down")
        return super().append(topic, messages)


def test_nothing_is_acknowledged_while_the_log_is_down(listen):
    """503 with Retry-After; once it is back the same request is taken."""
    event_log = BrokenLog()
    with listen(event_log) as collector:
        answer = post(collector, trace_request({}))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        event_log.broken = False
        assert post(collector, trace_request({})).status_code == 200
        assert collector.records().height == 1


def test_memory_is_given_back(listen):
    """After successes and failures of any kind nothing stays taken."""
    with listen() as collector:
        for body, headers in (
            (trace_request({}), {}),
            (b"\x0a\xff", {}),
            (b"x", {"content_encoding": "gzip"}),
            (gzip.compress(bytes(17 << 20)), {"content_encoding": "gzip"}),
        ):
            post(collector, body, **headers)
        assert collector.receiver.intake.budget.taken_bytes == 0


def test_its_health_is_its_counts(listen):
    """accepted + dead = sent."""
    with listen() as collector:
        post(collector, trace_request({}, BAD_SPAN))
        found = httpx.get(collector.http + "/healthz").json()
        assert found == {"status": "ok", "payloads": 1, "accepted": 1, "dead": 1, "refused": 0}


def test_a_slow_head_is_not_waited_for(listen):
    """Slowloris: a connection that sends its headers byte by byte is closed."""
    with listen(limits=ReceiverLimits(head_s=0.3)) as collector:
        port = collector.receiver.http_port
        with socket.create_connection(("localhost", port), timeout=10) as slow:
            slow.sendall(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert slow.recv(1) == b""
        assert post(collector, trace_request({})).status_code == 200


def test_a_slow_body_is_not_waited_for(listen):
    """It is told so, and its connection is closed."""
    with listen(limits=ReceiverLimits(body_s=0.3)) as collector:
        port = collector.receiver.http_port
        with socket.create_connection(("localhost", port), timeout=10) as slow:
            head = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n"
            slow.sendall(head + b"content-type: application/x-protobuf\r\n\r\n123")
            assert slow.recv(1_000).startswith(b"HTTP/1.1 408")
        assert collector.receiver.intake.budget.taken_bytes == 0


def test_endless_headers_are_not_read(listen):
    """A head of more than its limit ends the connection."""
    with listen(limits=ReceiverLimits(head_bytes=1_000)) as collector:
        port = collector.receiver.http_port
        with socket.create_connection(("localhost", port), timeout=10) as endless:
            endless.sendall(b"POST /v1/traces HTTP/1.1\r\n")
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                endless.sendall((b"x-filler: " + b"a" * 500 + b"\r\n") * 100_000)


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 3\r\ntransfer-encoding: chunked\r\n",
        b"content-length: 3\r\ncontent-length: 4\r\n",
        b"content-length: -3\r\n",
        b"content-length: 3\r\nbad header: x\r\n",
    ],
)
def test_smuggled_requests_are_refused(collector, head):
    """A head that two servers could read differently."""
    with socket.create_connection(("localhost", collector.receiver.http_port), 10) as sly:
        sly.sendall(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n0\r\n\r\n")
        assert sly.recv(1_000).startswith(b"HTTP/1.1 400")
