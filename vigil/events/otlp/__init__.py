"""OTLP, the OpenTelemetry protocol, to columns: many export requests at once, without objects."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from vigil.errors import InputError
from vigil.events.content import OTLP_JSON
from vigil.events.nul import table_may_hold_nul
from vigil.events.otlp.json_form import protobuf_of
from vigil.events.otlp.logs import read_logs
from vigil.events.otlp.traces import read_traces
from vigil.events.otlp.wire import Walk
from vigil.events.rules import polars_schema
from vigil.events.schema import EVENTS, LOGS

_READERS = {EVENTS: ("resourceSpans", read_traces), LOGS: ("resourceLogs", read_logs)}


@dataclass(frozen=True, slots=True)
class OtlpRecords:
    """`records`: unchecked rows, named as in the schema. `request`: int64, the request of each.
    `refused`: request → why nothing of it could be read. `may_hold_nul`: is a NUL in their text?
    """

    records: pl.DataFrame
    request: np.ndarray
    refused: dict[int, str]
    may_hold_nul: bool = False


def read_otlp(
    requests: Sequence[tuple[str, bytes]], schema: pa.Schema, max_attributes: int
) -> OtlpRecords:
    """The records of export requests, (form, bytes) each, form PROTOBUF or OTLP_JSON.

    `schema` says which signal they carry: EVENTS for traces, LOGS for logs. Metrics are refused:
    what their totals mean only the collector knows, which has the last ones.
    """
    if schema not in _READERS:
        rule = "must have passed a collector: vigil collect --from-topic metrics=TOPIC"
        nothing = pl.DataFrame(schema=polars_schema(schema))
        return OtlpRecords(
            nothing, np.empty(0, np.int64), dict.fromkeys(range(len(requests)), rule)
        )
    group, read = _READERS[schema]
    bodies: list[bytes] = []
    refused = {}
    for number, (form, value) in enumerate(requests):
        try:
            bodies.append(protobuf_of(value, group) if form == OTLP_JSON else value)
        except InputError as error:
            bodies.append(b"")
            refused[number] = str(error)
    walk = Walk(bodies)
    table, request = read(walk, max_attributes)
    for number in np.flatnonzero(walk.malformed).tolist():
        refused[number] = "must be an OTLP export request in protobuf"
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    keep = ~walk.malformed[request]
    if not keep.all():
        frame, request = frame.filter(keep), request[keep]
    return OtlpRecords(frame, request, refused, table_may_hold_nul(table))
