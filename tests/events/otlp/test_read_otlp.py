"""Spans and log records of OpenTelemetry become events and logs."""

import json
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import MessageToDict
from otlp_messages import (
    PARENT_ID,
    RESOURCE,
    START_NS,
    log_request,
    trace_request,
)

from vigil.events.content import JSON, PROTOBUF
from vigil.events.decode import Decoded, Limits, Payload, decode
from vigil.events.schema import EVENTS, LOGS

NOW_AT = datetime(2026, 4, 1, tzinfo=UTC)


def read(*requests, schema=EVENTS, content_type=PROTOBUF) -> Decoded:
    """Decode messages or bytes."""
    values = [r if isinstance(r, bytes) else r.SerializeToString() for r in requests]
    payloads = [Payload(content_type, value, f"message {n}") for n, value in enumerate(values)]
    return decode(payloads, schema, NOW_AT, Limits())


def test_a_server_span_is_a_request():
    """Each field of the semantic conventions has its column; the rest are attributes."""
    span = {
        "parent_span_id": PARENT_ID,
        "attributes": {
            "http.request.method": "GET",
            "http.route": "/orders/{id}",
            "http.response.status_code": 503,
            "http.request.body.size": 10,
            "http.response.body.size": 20,
            "error.type": "timeout",
            "url.scheme": "https",
            "retry": True,
            "ratio": 0.5,
            "tags": ["a", {"b": 1}],
            "raw": b"\x01",
        },
    }
    [row] = read(trace_request(span)).records.to_dicts()
    attributes = dict(row.pop("attributes"))
    assert row == {
        "time": datetime(2026, 3, 31, 23, 33, 20, tzinfo=UTC),
        "trace_id": "000102030405060708090a0b0c0d0e0f",
        "span_id": "0102030405060708",
        "parent_span_id": "0203040506070809",
        "kind": "server",
        "tenant": None,
        "environment": "prod",
        "cloud": "aws",
        "region": "eu-west-1",
        "service": "checkout",
        "route": "/orders/{id}",
        "method": "GET",
        "status": 503,
        "duration_ms": 12.5,
        "request_bytes": 10,
        "response_bytes": 20,
        "error": "timeout",
        "peer_service": None,
    }
    assert attributes == {
        "url.scheme": "https",
        "retry": "true",
        "ratio": "0.5",
        "tags": '["a",{"b":1}]',
        "raw": "AQ==",
        "span.name": "GET /orders/{id}",
        "service.version": "1.2.3",
    }


@pytest.mark.parametrize(
    ("attributes", "route"),
    [
        ({"http.route": "/a/{x}", "url.path": "/a/1"}, "/a/{x}"),
        ({"url.path": "/a/17"}, "/a/{id}"),
        ({"http.target": "/a/17?page=2"}, "/a/{id}"),
        ({"rpc.service": "Cart", "rpc.method": "Add"}, "Cart/Add"),
        ({"messaging.destination.name": "orders"}, "orders"),
        ({}, "GET /orders/{id}"),
    ],
)
def test_a_route_is_found_where_a_span_has_one(attributes, route):
    """The template, else the path with its ids taken out, else what is called, else the name."""
    assert read(trace_request({"attributes": attributes})).records["route"].to_list() == [route]


def test_a_status_of_error_marks_an_error():
    """With its message where there is one; the absent and the good mark none."""
    spans = [
        {"status": {"code": 2, "message": "boom"}},
        {"status": {"code": 2}},
        {"status": {"code": 1, "message": "fine"}},
        {},
    ]
    assert read(trace_request(*spans)).records["error"].to_list() == ["boom", "error", None, None]


def test_kinds_are_named():
    """Unspecified and unknown ones are internal, as the specification says."""
    spans = [{"kind": number} for number in range(6)] + [{"kind": 77}]
    names = ["internal", "internal", "server", "client", "producer", "consumer", "internal"]
    assert read(trace_request(*spans)).records["kind"].to_list() == names


def test_a_bad_span_is_a_dead_letter_and_its_neighbours_are_kept():
    """Field, rule, value and place; accepted + dead = sent."""
    spans = [{}, {"end_time_unix_nano": START_NS - 1_000_000}, {"start_time_unix_nano": 0}, {}]
    decoded = read(trace_request(*spans))
    assert decoded.records.height == 2
    assert decoded.dead.select("place", "line", "field", "rule", "value").rows() == [
        ("message 0", 2, "duration_ms", "must be >= 0", "-1.0"),
        ("message 0", 3, "time", "is required", "nothing"),
    ]


def test_requests_are_read_together_and_told_apart():
    """Many messages are one walk; a malformed one is one dead letter with its own place."""
    good = trace_request({}, {})
    decoded = read(good, b"\x0a\xff", good, b"\x0a\x02\x12\x09")
    assert decoded.source.tolist() == [0, 0, 2, 2]
    assert decoded.dead.select("place", "line", "field").rows() == [
        ("message 1", 0, "payload"),
        ("message 3", 0, "payload"),
    ]


def test_spans_of_several_resources_keep_their_own():
    """Concatenated requests are one request, as protobuf defines it."""
    other = trace_request({}, resource={"service.name": "cart", "tenant.id": "acme"})
    both = trace_request({}).SerializeToString() + other.SerializeToString()
    records = read(both).records
    assert records.select("service", "tenant", "region").rows() == [
        ("checkout", None, "eu-west-1"),
        ("cart", "acme", None),
    ]


def test_text_that_is_not_utf8_is_kept_readable():
    """Replaced characters lose less than a lost span; others are untouched."""
    payload = trace_request({"attributes": {"a": "AB", "b": "ü"}}).SerializeToString()
    [row] = read(payload.replace(b"AB", b"\xffB")).records.to_dicts()
    attributes = dict(row["attributes"])
    assert (attributes["a"], attributes["b"]) == ("�B", "ü")


def test_text_may_begin_with_a_bracket():
    """An IPv6 host or a tag in a name looks like a list and is none; a list is kept as its JSON."""
    resource = RESOURCE | {"service.name": "[blue] shop", "cloud.region": ["eu", "us"]}
    span = {"attributes": {"peer.service": "[::1]", "http.route": '{"a'}}
    [row] = read(trace_request(span, resource=resource)).records.to_dicts()
    found = row["service"], row["region"], row["peer_service"], row["route"]
    assert found == ("[blue] shop", '["eu","us"]', "[::1]", '{"a')


def test_long_and_many_attributes_are_bounded():
    """64 of 1,024 bytes, cut between characters."""
    attributes = {"long": "é" * 1_000} | {f"a{n}": n for n in range(100)}
    [row] = read(trace_request({"attributes": attributes})).records.to_dicts()
    assert len(row["attributes"]) == 64
    assert dict(row["attributes"])["long"] == "é" * 512


def test_log_records_become_logs():
    """Severity by text or number, bodies of any kind, correlation with the trace."""
    records = [
        {"body": "ready", "severity_text": "Information", "severity_number": 9},
        {"body": {"a": [1, None]}, "severity_number": 18, "trace_id": bytes(16)},
        {"time_unix_nano": 0, "observed_time_unix_nano": START_NS, "event_name": "login"},
        {},
    ]
    decoded = read(log_request(*records), schema=LOGS)
    assert decoded.records.select("severity", "body", "trace_id", "service").rows() == [
        ("Information", "ready", None, "checkout"),
        ("ERROR", '{"a":[1,null]}', None, "checkout"),
        (None, "login", None, "checkout"),
    ]
    assert decoded.records["time"].n_unique() == 1
    assert decoded.dead.select("field", "rule").rows() == [("body", "is required")]


def test_json_is_read_as_protobuf_is():
    """The same records; ids are hexadecimal, numbers may be text, unknown fields are ignored."""
    request = trace_request({"attributes": {"http.response.status_code": 200, "d": 1.5}})
    document = MessageToDict(request)
    [span] = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    span |= {"traceId": "000102030405060708090a0b0c0d0e0f", "spanId": "0102030405060708"}
    span |= {"kind": 2, "novelty": [{"x": 1}]}
    from_json = read(json.dumps(document).encode(), content_type=JSON)
    assert from_json.records.to_dicts() == read(request).records.to_dicts()


@pytest.mark.parametrize(
    "value",
    [
        b'{"resourceSpans": 5}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}',
        b'{"resourceSpans": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"resourceSpans": [',
    ],
)
def test_json_that_is_no_request_is_one_dead_letter(value):
    """Wrong types, ids that are no numbers, absurd nesting, cut text."""
    decoded = read(value, content_type=JSON)
    assert decoded.records.height == 0
    assert decoded.dead["field"].to_list() == ["payload"]


def test_a_message_without_a_header_is_recognised():
    """The Collector's Kafka exporter writes none."""
    request = trace_request({})
    as_json = json.dumps(MessageToDict(request, use_integers_for_enums=True)).encode()
    as_json = as_json.replace(b"AAECAwQFBgcICQoLDA0ODw==", b"000102030405060708090a0b0c0d0e0f")
    as_json = as_json.replace(b"AQIDBAUGBwg=", b"0102030405060708")
    line = b'{"time": "2026-03-31", "service": "a", "duration_ms": 1}\n'
    decoded = read(request, as_json, line, b"\n" + line, b"?", content_type="")
    assert decoded.source.tolist() == [0, 1, 2, 3]
    assert decoded.dead["field"].to_list() == ["content-type"]
