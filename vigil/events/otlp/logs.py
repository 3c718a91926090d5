"""OTLP log records as columns of logs."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vigil.events.otlp.attributes import as_maps, constant, read_attributes
from vigil.events.otlp.resource import grouped_records, instants
from vigil.events.otlp.values import LONGEST_BODY_BYTES, any_values, hex_ids, texts
from vigil.events.otlp.wire import FIXED64, VARINT, Walk

# Severity numbers come in fours, from 1 on.
_SEVERITIES = pa.array(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"])


def read_logs(walk: Walk, max_attributes: int) -> tuple[pa.Table, np.ndarray]:
    """(log records, payload of each): columns of LOGS.

    The time is the record's own, else when it was observed. An event without a body has its name
    as one.
    """
    found = grouped_records(walk)
    fields = walk.scan(found.records)
    count = len(found.records)
    time, observed = fields.bits(1, FIXED64), fields.bits(11, FIXED64)
    attributes = read_attributes(walk, fields.children(6), count)
    number = fields.bits(2, VARINT)
    known = (number >= 1) & (number <= 24)
    level = _SEVERITIES.take(pa.array((number - 1) // 4, mask=~known))
    event = _filled(texts(walk, *fields.content(12)))
    bodies = fields.children(5)
    last = np.full(count, -1)
    last[bodies.owner] = np.arange(len(bodies))
    body = any_values(walk, bodies, LONGEST_BODY_BYTES).take(pa.array(last, mask=last < 0))
    columns = {
        "time": instants(np.where(time == 0, observed, time)),
        "trace_id": hex_ids(walk, *fields.content(9)),
        "span_id": hex_ids(walk, *fields.content(10)),
        **found.keys,
        "route": attributes.pick("http.route"),
        "method": attributes.pick("http.request.method"),
        "severity": pc.coalesce(_filled(texts(walk, *fields.content(3))), level),
        "body": pc.coalesce(body, event),
    }
    parts = [attributes.rest(), constant("event.name", event), found.kept]
    columns["attributes"] = as_maps(parts, max_attributes)
    return pa.table(columns), found.records.payload


def _filled(text: pa.StringArray) -> pa.StringArray:
    """Null in place of the empty text."""
    return pc.if_else(pc.equal(text, ""), None, text)
