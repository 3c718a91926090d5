"""OTLP traces as columns of events."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vigil.events.otlp.attributes import as_maps, constant, read_attributes
from vigil.events.otlp.resource import grouped_records, instants
from vigil.events.otlp.values import NONE, hex_ids, slices, texts
from vigil.events.otlp.wire import FIXED64, LENGTH, VARINT, Messages, Walk

# Fields of Span: ids, name, kind, times, status.
_FIELDS = (
    (1, LENGTH), (2, LENGTH), (4, LENGTH), (5, LENGTH), (6, VARINT), (7, FIXED64), (8, FIXED64),
    (15, LENGTH),
)  # fmt: skip

# SpanKind; 0, unspecified, is to be treated as internal.
_KINDS = pa.array(["internal", "internal", "server", "client", "producer", "consumer"])
_STATUS_ERROR = 2

_METHOD = ("http.request.method", "http.method")
_STATUS = ("http.response.status_code", "http.status_code")
_REQUEST_BYTES = ("http.request.body.size", "http.request_content_length")
_RESPONSE_BYTES = ("http.response.body.size", "http.response_content_length")
_PEER = ("service.peer.name", "peer.service")


def read_traces(walk: Walk, max_attributes: int) -> tuple[pa.Table, np.ndarray]:
    """(spans, payload of each): columns of EVENTS, those from attributes as text or int64.

    `route` is the first that a span has of http.route, its path, its RPC or messaging
    destination, its name.
    """
    found = grouped_records(walk)
    span = walk.read(found.records, _FIELDS, repeated=9)
    count = len(found.records)
    start, end = span.bits(7), span.bits(8)
    spans = read_attributes(walk, span.repeated, count)
    kind = span.bits(6)
    name = texts(walk, *span.content(5))
    named = pc.if_else(pc.equal(name, ""), None, name)
    route = pc.coalesce(
        spans.pick("http.route", "url.template"),
        spans.pick("url.path", "http.target"),
        _rpc(spans.pick("rpc.service"), spans.pick("rpc.method")),
        spans.pick("messaging.destination.template", "messaging.destination.name"),
        named,
    )
    columns = {
        "time": instants(start),
        "trace_id": hex_ids(walk, *span.content(1)),
        "span_id": hex_ids(walk, *span.content(2)),
        "parent_span_id": hex_ids(walk, *span.content(4)),
        "kind": _KINDS.take(pa.array(np.where((kind < 0) | (kind > 5), 0, kind))),
        **found.keys,
        "route": route,
        "method": spans.pick(*_METHOD),
        "status": spans.pick_integers(*_STATUS),
        "duration_ms": pa.array((end - start) / 1e6),
        "request_bytes": spans.pick_integers(*_REQUEST_BYTES),
        "response_bytes": spans.pick_integers(*_RESPONSE_BYTES),
        "error": _errors(walk, span.inner(15), count, spans.pick("error.type")),
        "peer_service": spans.pick(*_PEER),
    }
    shown = slices(*span.content(5))
    as_route = pc.or_kleene(pc.equal(route, name), pc.is_null(named)).fill_null(False)
    shown.kind[as_route.to_numpy(zero_copy_only=False)] = NONE
    parts = [spans.rest(), constant(walk, "span.name", shown), found.kept]
    columns["attributes"] = as_maps(parts, max_attributes)
    return pa.table(columns), found.records.payload


def _rpc(service: pa.StringArray, method: pa.StringArray) -> pa.StringArray:
    """`service/method`, null where the span is no call."""
    return pc.binary_join_element_wise(service, method, "/")


def _errors(walk: Walk, statuses: Messages, count: int, kinds: pa.StringArray) -> pa.StringArray:
    """error.type; else the message of a status that says error, or the word."""
    status = walk.read(statuses, [(2, LENGTH), (3, VARINT)])
    code = np.zeros(count, np.int64)
    code[statuses.owner] = status.bits(3)
    begin, end = np.zeros(count, np.int64), np.zeros(count, np.int64)
    begin[statuses.owner], end[statuses.owner] = status.content(2)
    message = texts(walk, begin, end)
    said = pc.if_else(pc.equal(message, ""), "error", message)
    return pc.coalesce(kinds, pc.if_else(pa.array(code == _STATUS_ERROR), said, None))
