"""Decoding: valid records come through unchanged, all others become dead letters with a reason."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import orjson
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from otlp_messages import trace_request

from vigil.events.content import ARROW_STREAM, JSON, NDJSON, PROTOBUF
from vigil.events.decode import Decoded, Limits, Payload, Payloads, decode, decode_columns
from vigil.events.nul import table_may_hold_nul
from vigil.events.redaction import NO_REDACTION
from vigil.events.schema import ATTRIBUTES, EVENTS, LOGS, METRICS, SPAN_KINDS
from vigil.stores.arrow_messages import arrow_messages

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIMITS = Limits()
GOOD = {"time": "2026-03-02T11:59:00Z", "service": "orders", "duration_ms": 12.5, "status": 200}


def read(
    value: bytes, content_type: str = NDJSON, schema: pa.Schema = EVENTS, limits: Limits = LIMITS
) -> Decoded:
    """One payload, decoded at NOW."""
    return decode([Payload(content_type, value, "here")], schema, NOW, limits)


def reason(record: dict | bytes) -> tuple:
    """(field, rule, value) of the single dead letter of one record."""
    line = record if isinstance(record, bytes) else orjson.dumps(record)
    decoded = read(line)
    assert decoded.records.is_empty()
    row = decoded.dead.row(0, named=True)
    assert (row["place"], row["line"]) == ("here", 1)
    return row["field"], row["rule"], row["value"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"duration_ms": -12.5}, ("duration_ms", "must be >= 0", "-12.5")),
        ({"duration_ms": "fast"}, ("duration_ms", "must be a number", "fast")),
        ({"duration_ms": True}, ("duration_ms", "must be a number", "true")),
        ({"duration_ms": "NaN"}, ("duration_ms", "must be finite", "NaN")),
        ({"duration_ms": None}, ("duration_ms", "is required", "nothing")),
        ({"service": ""}, ("service", "is required", "")),
        ({"service": {"a": 1}}, ("service", "must be text", '{"a": 1}')),
        ({"status": 99}, ("status", "must be between 100 and 599", "99")),
        ({"status": "ok"}, ("status", "must be an integer", "ok")),
        ({"status": 200.5}, ("status", "must be an integer", "200.5")),
        ({"status": 10**18}, ("status", "must be an integer", "1" + "0" * 18)),
        ({"request_bytes": -1}, ("request_bytes", "must be >= 0", "-1")),
        (
            {"time": "yesterday"},
            ("time", "must be an ISO 8601 instant or epoch number", "yesterday"),
        ),
        (
            {"time": "2026-03-02T12:06:00Z"},
            ("time", "must be at most 300 s ahead of the clock", "2026-03-02T12:06:00Z"),
        ),
        ({"time": 0}, ("time", "must not be before 2010-01-01", "0")),
        ({"kind": "robot"}, ("kind", f"must be one of {', '.join(SPAN_KINDS)}", "robot")),
    ],
)
def test_a_broken_rule_is_named_with_field_and_value(change, expected):
    """The reason is enough to mend the producer."""
    assert reason(GOOD | change) == expected


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b'{"time": ', "must be valid JSON in UTF-8"),
        (b"\xff\xfe\x00", "must be valid JSON in UTF-8"),
        (b"[1, 2]", "must be a JSON object"),
        (b"7", "must be a JSON object"),
        (b'"' + b"x" * (10 << 20) + b'"', "must be at most 1048576 bytes"),
    ],
)
def test_what_is_no_record_at_all_is_a_dead_letter_too(line, rule):
    """A broken line, other bytes, other JSON, a line of 10 MB; the next record is read."""
    decoded = read(line + b"\n" + orjson.dumps(GOOD))
    assert decoded.dead["rule"].to_list() == [rule]
    assert len(decoded.dead["raw"][0]) <= 2_000
    assert decoded.records.height == 1


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T11:59:00Z",
        "2026-03-02T11:59:00.000Z",
        "2026-03-02T12:59:00+01:00",
        "2026-03-02T11:59:00",
        "2026-03-02 11:59:00",
        "2026-03-02 11:59:00+00:00",
        1772452740,
        1772452740.0,
        1772452740000,
        1772452740000000,
        1772452740000000000,
        "1772452740",
    ],
)
def test_an_instant_may_be_written_in_many_ways(text):
    """ISO 8601 with and without zone, epoch seconds to nanoseconds."""
    expected = datetime(2026, 3, 2, 11, 59, tzinfo=UTC)
    assert read(orjson.dumps(GOOD | {"time": text})).records["time"].item() == expected


def test_a_number_in_quotes_is_a_number():
    """Many producers quote; nothing is lost by reading it."""
    row = read(orjson.dumps(GOOD | {"duration_ms": "3.5", "status": "503.0"})).records
    assert row.select("duration_ms", "status").row(0) == (3.5, 503)


def test_raw_paths_become_route_templates():
    """Otherwise each order would be a series of its own."""
    record = GOOD | {"route": "/orders/8123/items?page=2"}
    assert read(orjson.dumps(record)).records["route"].item() == "/orders/{id}/items"


def test_attributes_are_bounded():
    """At most 64 of at most 1,024 characters; numbers become text."""
    attributes = {f"k{n}": "x" * 5_000 for n in range(99)}
    [found] = read(orjson.dumps(GOOD | {"attributes": attributes})).records["attributes"].to_list()
    assert len(found) == 64
    assert {len(value) for value in found.values()} == {1_024}
    [small] = (
        read(orjson.dumps(GOOD | {"attributes": {"n": 1, "t": 'é"', "o": {"a": [1]}}}))
        .records["attributes"]
        .to_list()
    )
    assert small == {"n": "1", "t": 'é"', "o": '{"a":[1]}'}


def test_a_json_payload_is_an_object_or_a_list_of_them():
    """Pretty-printed or not."""
    pretty = orjson.dumps(GOOD, option=orjson.OPT_INDENT_2)
    assert read(pretty, JSON).records.height == 1
    assert read(orjson.dumps([GOOD, GOOD]), JSON).records.height == 2


def test_an_unknown_content_type_is_a_dead_letter():
    """The whole message is kept, once."""
    assert read(b"<xml/>", "text/xml").dead["field"].to_list() == ["content-type"]


def test_metrics_and_logs_have_rules_of_their_own():
    """A metric needs a finite value, a log line a body."""
    metric = {"time": GOOD["time"], "metric": "queue", "value": 3}
    assert read(orjson.dumps(metric), schema=METRICS).records["value"].item() == 3.0
    lost = read(orjson.dumps(metric | {"value": None}), schema=METRICS).dead
    assert lost["field"].item() == "value"
    log = {"time": GOOD["time"], "body": "[warn] disk"}
    assert read(orjson.dumps(log), schema=LOGS).records["body"].item() == "[warn] disk"


def test_arrow_with_other_types_is_cast_and_with_missing_columns_is_dead():
    """What can be read is read; a message without a required column is dead row by row."""
    table = pa.table({"time": [NOW], "service": ["a"], "duration_ms": pa.array([3], pa.int16())})
    [message] = arrow_messages(table)
    assert read(message.value, ARROW_STREAM).records["duration_ms"].item() == 3.0
    [short] = arrow_messages(table.drop_columns("service"))
    assert read(short.value, ARROW_STREAM).dead["rule"].to_list() == ["is required"]
    [nested] = arrow_messages(table.set_column(1, "service", pa.array([["a"]])))
    dead = read(nested.value, ARROW_STREAM).dead
    assert dead["value"].to_list() == ["column service has type list<item: string>"]
    assert read(b"garbage", ARROW_STREAM).dead["rule"].to_list() == ["must be an Arrow IPC stream"]


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
valid = st.fixed_dictionaries(
    {
        "time": st.datetimes(datetime(2020, 1, 1), datetime(2026, 3, 2)).map(  # noqa: DTZ001
            lambda at: at.replace(tzinfo=UTC)
        ),
        "service": st.from_regex(r"[a-z]{1,9}", fullmatch=True),
        "duration_ms": st.floats(0, 1e9),
        "trace_id": st.from_regex(r"[0-9a-f]{32}", fullmatch=True) | st.none(),
        "status": st.integers(100, 599) | st.none(),
        "kind": st.sampled_from(SPAN_KINDS) | st.none(),
        "error": text | st.none(),
        "request_bytes": st.integers(0, 2**53) | st.none(),
    }
)


def test_metrics_of_opentelemetry_are_told_to_take_the_collector():
    """A topic with batches of them must not stop those who read it."""
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add()
    for value, content_type in (
        (request.SerializeToString(), PROTOBUF),
        (b'{"resourceMetrics": []}', JSON),
    ):
        dead = read(value, content_type, METRICS).dead
        assert dead["rule"].to_list() == [
            "must have passed a collector: vigil collect --from-topic metrics=TOPIC"
        ]


def test_a_nul_character_is_replaced_wherever_it_stands():
    """No database keeps it; JSON, protobuf and attributes may hold one."""
    line = {
        "time": "2026-03-02T08:00:00Z", "service": "a\0b", "duration_ms": 1, "error": "\0",
        "attributes": {"note": "x\0"},
    }  # fmt: skip
    [record] = read(orjson.dumps(line)).records.to_dicts()
    assert (record["service"], record["error"]) == ("a\ufffdb", "\ufffd")
    assert "\0" not in str(record["attributes"])
    start_ns = int(NOW.timestamp()) * 10**9
    span = {"start_time_unix_nano": start_ns, "end_time_unix_nano": start_ns}
    request = trace_request(span | {"attributes": {"note": "x\0", "error.type": "\0"}})
    [found] = read(request.SerializeToString(), PROTOBUF).records.to_dicts()
    assert found["error"] == "\ufffd"
    assert found["attributes"]["note"] == "x\ufffd"


KINDS_OF_TEXT = [
    pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS_OF_TEXT, ids=str)
def test_arrow_of_another_producer_is_cleaned_as_all_else_is(kind):
    """Whoever wrote it: a header proves nothing."""
    columns = {
        "time": [NOW, NOW],
        "service": pa.array(["a\0b", "c"], kind),
        "duration_ms": [1.0, 2.0],
        "error": pa.array(["token=hunter2", None], kind),
        "peer_service": pa.array(["https://u:hunter2@x.example/", "cart"], kind),
        "attributes": pa.array([[("api_key", "hunter2"), ("n\0", "x\0")], None], ATTRIBUTES),
    }
    message = arrow_messages(pa.table(columns))[0].value
    first, second = read(message, ARROW_STREAM).records.to_dicts()
    assert (first["service"], first["error"]) == ("a\ufffdb", "token=[secret]")
    assert first["peer_service"] == "https://[secret]@x.example/"
    assert first["attributes"] == {"api_key": "[secret]", "n\ufffd": "x\ufffd"}
    assert (second["service"], second["peer_service"], second["error"]) == ("c", "cart", None)


@settings(deadline=None)
@given(st.lists(st.text(max_size=4) | st.none(), max_size=6), st.integers(0, 6))
def test_no_nul_of_an_arrow_message_is_overlooked(texts, start):
    """Also in a part of a table, whose bytes are those of the whole."""
    part = pa.table({"body": pa.array(texts, pa.string())}).slice(start)
    held = any("\0" in (text or "") for text in texts[start:])
    assert table_may_hold_nul(part) == held


@settings(deadline=None)
@given(st.lists(valid, min_size=1, max_size=20))
def test_valid_records_come_through_unchanged(records):
    """parse ∘ render = identity, as NDJSON and as Arrow."""
    lines = b"\n".join(orjson.dumps(record) for record in records)
    [message] = arrow_messages(pa.Table.from_pylist(records, schema=EVENTS))
    as_given = dataclasses.replace(LIMITS, redaction=NO_REDACTION)
    for content, form in ((lines, NDJSON), (message.value, ARROW_STREAM)):
        decoded = read(content, form, limits=as_given)
        assert decoded.dead.is_empty()
        assert decoded.records.select(list(records[0])).to_dicts() == records


zones = st.sampled_from(["", "Z", "+00:00", "-0530", "+05", "+23:59", " +01:00", "z"])
instants = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["2026-03-02", "2024-02-29", "2023-02-29", "2026-3-2", "12026-03-02"]),
        st.sampled_from(["T", " ", "t", ""]),
        st.sampled_from(["08:05:09", "08:05", "08", "24:00:00", "08:05:60", "8:5:9"]),
        st.sampled_from(["", ".5", ".123456", ".123456789", ".", ",5"]),
        zones,
    ),
)


@settings(deadline=None, max_examples=300)
@given(instants)
def test_an_instant_is_read_alike_alone_and_among_others(instant):
    """How a time is understood does not depend on how messages were cut into batches."""
    line = orjson.dumps({"time": instant, "service": "a", "duration_ms": 1})
    other = b'{"time": "03/02/2026 08:00", "service": "b", "duration_ms": 1}'
    alone, among = read(line), read(line + b"\n" + other)
    assert among.records.filter(pl.col("service") == "a").equals(alone.records)
    assert among.dead.select("field", "rule", "value").equals(
        alone.dead.select("field", "rule", "value")
    )


mutated = st.builds(
    lambda record, field, value: record | {field: value},
    valid,
    st.sampled_from([*EVENTS.names, "unknown"]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | text
    | st.lists(st.integers(), max_size=3)
    | st.dictionaries(text, text, max_size=3),
).map(lambda record: json.dumps(record, default=str).encode("utf-8", "surrogatepass"))
garbage = st.binary(max_size=60).filter(lambda line: b"\n" not in line and line.strip())


@settings(deadline=None, max_examples=150)
@given(st.lists(mutated | garbage, max_size=8), st.sampled_from([EVENTS, METRICS, LOGS]))
def test_nothing_raises_and_the_counts_add_up(lines, schema):
    """Whatever arrives: accepted + dead = read."""
    payloads = [Payload(NDJSON, line, f"offset {n}") for n, line in enumerate(lines)]
    decoded = decode(payloads, schema, NOW, LIMITS)
    assert decoded.records.height + decoded.dead.height == len(lines)
    assert decoded.source.tolist() == sorted(decoded.source.tolist())
    assert set(decoded.source) | set(decoded.dead["payload"]) == set(range(len(lines)))


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([ARROW_STREAM, NDJSON, JSON, "x"]))
def test_arbitrary_bytes_never_raise(value, content_type):
    """Not even as Arrow."""
    read(value, content_type)


def test_bad_rows_in_a_good_message_leave_the_others():
    """Row by row, with the row's number."""
    table = pa.table({"time": [NOW] * 3, "service": ["a"] * 3, "duration_ms": [1.0, -1.0, 2.0]})
    [message] = arrow_messages(table)
    decoded = read(message.value, ARROW_STREAM)
    assert decoded.records["duration_ms"].to_list() == [1.0, 2.0]
    assert decoded.dead.select("line", "field").row(0) == (2, "duration_ms")
    assert '"duration_ms":-1.0' in decoded.dead["raw"].item()


def test_limits_can_be_moved():
    """A replay of old data sets its own horizon."""
    moved = dataclasses.replace(LIMITS, earliest_at=NOW - timedelta(days=1))
    line = orjson.dumps(GOOD | {"time": "2026-02-01T00:00:00Z"})
    decoded = decode([Payload(NDJSON, line, "here")], EVENTS, NOW, moved)
    assert decoded.dead["rule"].item() == "must not be before 2026-03-01"


def test_order_is_kept_across_formats():
    """Rows of an Arrow message between two JSON messages stay between them."""
    [message] = arrow_messages(pa.table({"time": [NOW], "service": ["b"], "duration_ms": [1.0]}))
    lines = [orjson.dumps(GOOD | {"service": name}) for name in "ac"]
    payloads = [
        Payload(NDJSON, lines[0], "0"),
        Payload(ARROW_STREAM, message.value, "1"),
        Payload(NDJSON, lines[1], "2"),
    ]
    decoded = decode(payloads, EVENTS, NOW, LIMITS)
    assert decoded.records["service"].to_list() == ["a", "b", "c"]
    assert isinstance(decoded.records, pl.DataFrame)


def test_columns_that_are_not_wanted_cost_nothing_but_stay_in_dead_letters():
    """Arrow and JSON alike: the wanted ones are as ever, a letter shows the whole record."""
    rows = [
        {"time": NOW, "service": "a", "duration_ms": 1.0, "span_id": "s1", "trace_id": "t1"},
        {"time": NOW, "service": "a", "duration_ms": -1.0, "span_id": "s2", "trace_id": "t2"},
    ]
    [arrow] = arrow_messages(pa.Table.from_pylist(rows, schema=EVENTS))
    text = b"\n".join(orjson.dumps(row) for row in rows)
    payloads = Payloads([ARROW_STREAM, NDJSON], [arrow.value, text], lambda _: "here")
    wanted = ("time", "service", "duration_ms", "trace_id")
    found = decode_columns(payloads, EVENTS, NOW, LIMITS, wanted)
    assert found.records["trace_id"].to_list() == ["t1", "t1"]
    assert found.records["span_id"].to_list() == [None, None]
    assert found.records.schema == decode_columns(payloads, EVENTS, NOW, LIMITS).records.schema
    assert ["s2" in raw for raw in found.dead["raw"]] == [True, True]
