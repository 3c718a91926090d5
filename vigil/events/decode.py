"""Payloads to records: Arrow, OTLP, JSON and access logs in, valid rows and dead letters out.

Never raises for what is inside a payload: records + dead letters = records read.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import pyarrow as pa

from vigil.errors import InputError
from vigil.events.access_logs.parse import AccessLog, parse_access_log, read_access_log_type
from vigil.events.arrow_streams import read_arrow
from vigil.events.content import (
    ACCESS_LOG,
    ARROW_STREAM,
    JSON,
    KNOWN,
    NDJSON,
    OTLP_JSON,
    PROTOBUF,
    form_of,
    numbers_by_form,
)
from vigil.events.dead_letters import (
    DEAD_LETTERS,
    dead_frame,
    one_dead_letter,
    readable,
    text_only,
)
from vigil.events.json_text import read_json
from vigil.events.nul import without_nul
from vigil.events.otlp import read_otlp
from vigil.events.payloads import Payload, Payloads, Rows, message_place
from vigil.events.routes import with_route_templates
from vigil.events.rules import Limits, check, polars_schema
from vigil.events.schema import EVENTS

__all__ = [
    "Decoded",
    "Limits",
    "Payload",
    "Payloads",
    "decode",
    "decode_columns",
    "message_place",
    "validate",
]


@dataclass(frozen=True, slots=True)
class Decoded:
    """`records`: valid rows, columns of the schema. `source`: int64, the payload of each row,
    non-decreasing. `dead`: schema DEAD_LETTERS.
    """

    records: pl.DataFrame
    source: np.ndarray
    dead: pl.DataFrame


def decode(
    payloads: Sequence[Payload], schema: pa.Schema, now_at: datetime, limits: Limits
) -> Decoded:
    """As `decode_columns`, of payloads that are not in columns."""
    columns = Payloads(
        content_types=[payload.content_type for payload in payloads],
        values=[payload.value for payload in payloads],
        place=lambda number: payloads[number].place,
    )
    return decode_columns(columns, schema, now_at, limits)


def decode_columns(
    payloads: Payloads,
    schema: pa.Schema,
    now_at: datetime,
    limits: Limits,
    wanted: Collection[str] = (),
) -> Decoded:
    """Decode and check payloads; rows keep the order of payloads and of records within them.

    `wanted`: the columns that are needed, all when empty. Others may come back null and unchecked,
    which saves a third of the time; dead letters are complete.
    """
    names = [name for name in schema.names if name in wanted] if wanted else schema.names
    groups: list[Rows] = []
    dead: list[dict[str, object]] = []
    by_form = numbers_by_form(payloads.content_types, payloads.values)
    arrow = by_form.get(ARROW_STREAM, [])
    text = sorted(by_form.get(NDJSON, []) + by_form.get(JSON, []))
    otlp = sorted(by_form.get(PROTOBUF, []) + by_form.get(OTLP_JSON, []))
    groups += read_arrow(payloads, arrow, schema, names, dead)
    fields = {name: kind for name, kind in polars_schema(schema).items() if name in names}
    groups += read_json(payloads, text, limits, dead, fields)
    groups += _read_otlp(payloads, otlp, schema, limits, dead)
    groups += _read_access_logs(payloads, by_form.get(ACCESS_LOG, []), schema, dead)
    for number in by_form.get("", []):
        rule, given = f"must be one of {', '.join(KNOWN)}", payloads.content_types[number]
        value = payloads.values[number]
        dead.append(
            one_dead_letter(
                number, payloads.place(number), 0, "content-type", rule, given, text_only(value)
            )
        )
    return _assemble(payloads, groups, dead, schema, now_at, limits)


def validate(
    frame: pl.DataFrame, place: str, schema: pa.Schema, now_at: datetime, limits: Limits
) -> Decoded:
    """Check rows that are a frame already, such as those of a file at `place`."""
    count = frame.height
    rows = Rows(frame, np.zeros(count, np.int64), np.arange(1, count + 1))
    here = Payloads([""], [b""], lambda _: place)
    return _assemble(here, [rows], [], schema, now_at, limits)


def _assemble(
    payloads: Payloads,
    groups: Sequence[Rows],
    dead: list[dict[str, object]],
    schema: pa.Schema,
    now_at: datetime,
    limits: Limits,
) -> Decoded:
    records, sources = [], []
    for rows in groups or [Rows(_nothing(schema), _NO_NUMBERS, _NO_NUMBERS)]:
        typed, broken = check(rows.frame, schema, now_at, limits, rows.typed)
        keep = np.ones(typed.height, bool)
        for row, field, rule, value in broken.iter_rows():
            keep[row] = False
            number = int(rows.payload[row])
            letter = one_dead_letter(
                number, payloads.place(number), int(rows.line[row]), field, rule, value, b""
            )
            dead.append(letter | {"raw": rows.raw(row)})
        valid = typed if keep.all() else typed.filter(keep)
        if rows.may_hold_nul:
            valid = without_nul(valid)
        records.append(limits.redaction.records(valid))
        sources.append(rows.payload[keep])
    merged, source = records[0], sources[0]
    if len(groups) > 1:
        merged, source = pl.concat(records), np.concatenate(sources)
        order = np.argsort(source, kind="stable")
        merged, source = merged[order], source[order]
    if "route" in merged.columns:
        merged = with_route_templates(merged)
    frame = pl.DataFrame(schema=DEAD_LETTERS)
    if dead:
        letters = dead_frame(dead).sort("payload", "line")
        clean = [limits.redaction.text(letters[name]) for name in ("value", "raw")]
        frame = letters.with_columns(clean)
    return Decoded(merged, source, frame)


_NO_NUMBERS = np.empty(0, np.int64)


def _nothing(schema: pa.Schema) -> pl.DataFrame:
    return pl.DataFrame(schema=polars_schema(schema))


def _read_otlp(
    payloads: Payloads,
    numbers: Sequence[int],
    schema: pa.Schema,
    limits: Limits,
    dead: list[dict[str, object]],
) -> list[Rows]:
    """OpenTelemetry export requests; one that cannot be read at all is one dead letter."""
    if not numbers:
        return []
    requests = [
        (form_of(payloads.content_types[n], payloads.values[n]), payloads.values[n])
        for n in numbers
    ]
    found = read_otlp(requests, schema, limits.max_attributes)
    for request, rule in found.refused.items():
        number = numbers[request]
        value = payloads.values[number]
        size, raw = f"{len(value)} bytes", text_only(value)
        dead.append(one_dead_letter(number, payloads.place(number), 0, "payload", rule, size, raw))
    # Records are numbered within their request, from 1 on.
    first = np.searchsorted(found.request, found.request)
    line = np.arange(1, len(found.request) + 1) - first
    payload = np.asarray(numbers, np.int64)[found.request]
    return [Rows(found.records, payload, line, may_hold_nul=found.may_hold_nul, typed=True)]


def _read_access_logs(
    payloads: Payloads,
    numbers: Sequence[int],
    schema: pa.Schema,
    dead: list[dict[str, object]],
) -> list[Rows]:
    """Lines of access logs; those of one format and origin are read together."""
    alike: dict[str, list[int]] = {}
    for number in numbers:
        alike.setdefault(payloads.content_types[number], []).append(number)
    groups = []
    for content_type, members in alike.items():
        try:
            if schema is not EVENTS:
                raise InputError("access logs are events")
            log = read_access_log_type(content_type)
        except InputError as error:
            for number in members:
                value, place = payloads.values[number], payloads.place(number)
                dead.append(
                    one_dead_letter(
                        number, place, 0, "content-type", str(error), content_type, value
                    )
                )
            continue
        groups.append(_read_lines(payloads, members, log, dead))
    return groups


def _read_lines(
    payloads: Payloads,
    numbers: Sequence[int],
    log: AccessLog,
    dead: list[dict[str, object]],
) -> Rows:
    """The lines of these payloads that are of the format; the others become dead letters."""
    lines = [
        (number, place, line)
        for number in numbers
        for place, line in enumerate(payloads.values[number].split(b"\n"), start=1)
        if line.strip()
    ]
    texts = [line.decode("utf-8", "replace").rstrip("\r") for _, _, line in lines]
    frame, matched = parse_access_log(texts, log)
    rule = f"must be a line of the format {log.format.name}"
    for row in np.flatnonzero(~matched).tolist():
        number, place, line = lines[row]
        shown = readable(line)[:100]
        dead.append(
            one_dead_letter(number, payloads.place(number), place, "record", rule, shown, line)
        )
    payload_of = np.array([number for number, _, _ in lines], np.int64)[matched]
    line_of = np.array([place for _, place, _ in lines], np.int64)[matched]
    kept = [line for (_, _, line), keep in zip(lines, matched, strict=True) if keep]
    return Rows(frame.filter(matched), payload_of, line_of, kept)
