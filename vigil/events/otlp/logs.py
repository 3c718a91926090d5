"""OTLP log records as columns of logs."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vigil.events.otlp.attributes import as_maps, constant, read_attributes
from vigil.events.otlp.resource import grouped_records, instants
from vigil.events.otlp.values import (
    LONGEST_BODY_BYTES,
    NONE,
    any_values,
    hex_ids,
    rendered,
    slices,
    texts,
)
from vigil.events.otlp.wire import FIXED64, LENGTH, VARINT, Messages, Walk

# Fields of LogRecord: times, severity, body, ids, event name.
_FIELDS = (
    (1, FIXED64), (2, VARINT), (3, LENGTH), (5, LENGTH), (9, LENGTH), (10, LENGTH), (11, FIXED64),
    (12, LENGTH),
)  # fmt: skip


# Severity numbers come in fours, from 1 on.
_SEVERITIES = pa.array(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"])


def read_logs(walk: Walk, max_attributes: int) -> tuple[pa.Table, np.ndarray]:
    """(log records, payload of each): columns of LOGS.

    The time is the record's own, else when it was observed. An event without a body has its name
    as one.
    """
    found = grouped_records(walk)
    record = walk.read(found.records, _FIELDS, repeated=6)
    count = len(found.records)
    time, observed = record.bits(1), record.bits(11)
    attributes = read_attributes(walk, record.repeated, count)
    number = record.bits(2)
    known = (number >= 1) & (number <= 24)
    level = _SEVERITIES.take(pa.array((number - 1) // 4, mask=~known))
    event = slices(*record.content(12))
    event.kind[event.bits == event.end] = NONE
    columns = {
        "time": instants(np.where(time == 0, observed, time)),
        "trace_id": hex_ids(walk, *record.content(9)),
        "span_id": hex_ids(walk, *record.content(10)),
        **found.keys,
        "route": attributes.pick("http.route"),
        "method": attributes.pick("http.request.method"),
        "severity": pc.coalesce(_filled(texts(walk, *record.content(3))), level),
        "body": pc.coalesce(_bodies(walk, record.inner(5), count), rendered(walk, event)),
    }
    parts = [attributes.rest(), constant(walk, "event.name", event), found.kept]
    columns["attributes"] = as_maps(parts, max_attributes)
    return pa.table(columns), found.records.payload


def _bodies(walk: Walk, bodies: Messages, count: int) -> pa.StringArray:
    """Text of each record's body, null where there is none."""
    values = any_values(walk, bodies)
    row = np.full(count, -1)
    row[bodies.owner] = np.arange(len(bodies))
    return rendered(walk, values, LONGEST_BODY_BYTES).take(pa.array(row, mask=row < 0))


def _filled(text: pa.StringArray) -> pa.StringArray:
    """Null in place of the empty text."""
    return pc.if_else(pc.equal(text, ""), None, text)
