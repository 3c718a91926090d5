"""The records that enter Vigil: requests (spans), metric points and log lines.

Names follow OpenTelemetry semantic conventions where one exists; `docs/event-schema.md` maps
each. A *key* says whose behaviour is watched; a *series* is a key and a metric.
"""

import hashlib
from collections.abc import Iterable

import polars as pl
import pyarrow as pa

UTC_US = pa.timestamp("us", tz="UTC")
ATTRIBUTES = pa.map_(pa.string(), pa.string())

KEY_COLUMNS = ("tenant", "environment", "cloud", "region", "service", "route", "method")
_KEY_FIELDS = [pa.field(name, pa.string()) for name in KEY_COLUMNS]

EVENTS = pa.schema(
    [
        pa.field("time", UTC_US, nullable=False),
        pa.field("trace_id", pa.string()),
        pa.field("span_id", pa.string()),
        pa.field("parent_span_id", pa.string()),
        pa.field("kind", pa.string()),
        *_KEY_FIELDS,
        pa.field("status", pa.int32()),
        pa.field("duration_ms", pa.float64(), nullable=False),
        pa.field("request_bytes", pa.int64()),
        pa.field("response_bytes", pa.int64()),
        pa.field("error", pa.string()),
        pa.field("peer_service", pa.string()),
        pa.field("attributes", ATTRIBUTES),
    ]
)

METRICS = pa.schema(
    [
        pa.field("time", UTC_US, nullable=False),
        *_KEY_FIELDS,
        pa.field("metric", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("attributes", ATTRIBUTES),
    ]
)

LOGS = pa.schema(
    [
        pa.field("time", UTC_US, nullable=False),
        pa.field("trace_id", pa.string()),
        pa.field("span_id", pa.string()),
        *_KEY_FIELDS,
        pa.field("severity", pa.string()),
        pa.field("body", pa.string(), nullable=False),
        pa.field("attributes", ATTRIBUTES),
    ]
)

SPAN_KINDS = ("server", "client", "producer", "consumer", "internal")
REQUEST_KINDS = ("server", "consumer")

TOPIC_EVENTS = "vigil.events"
TOPIC_METRICS = "vigil.metrics"
TOPIC_LOGS = "vigil.logs"
TOPIC_DEAD_LETTERS = "vigil.dead-letters"

SCHEMA_OF_TOPIC = {TOPIC_EVENTS: EVENTS, TOPIC_METRICS: METRICS, TOPIC_LOGS: LOGS}


def requests_of(events: pl.DataFrame) -> pl.DataFrame:
    """Events that are a service's own handling of a request.

    A traced call has a span on either side, and steps within a service have some as well: counting
    them all would count a request several times. A request-log line has no kind.
    """
    return events.filter(pl.col("kind").is_null() | pl.col("kind").is_in(REQUEST_KINDS))


def stable_id(parts: Iterable[str | None]) -> int:
    """A signed 64-bit id of a key or series, the same on every machine and in every version.

    >>> stable_id(["shop", "onprem", None]) == stable_id(["shop", "onprem", None])
    True
    >>> stable_id(["a", "b"]) == stable_id(["ab", ""])
    False
    """
    text = "\x1f".join("\x00" if part is None else part for part in parts)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
