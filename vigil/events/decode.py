"""Payloads to records: Arrow, OTLP, JSON and access logs in, valid rows and dead letters out.

Never raises for what is inside a payload: records + dead letters = records read.
"""

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import orjson
import polars as pl
import pyarrow as pa

from vigil.errors import InputError
from vigil.events.access_logs.parse import AccessLog, parse_access_log, read_access_log_type
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
from vigil.events.nul import may_hold_nul, without_nul
from vigil.events.otlp import read_otlp
from vigil.events.routes import with_route_templates
from vigil.events.rules import Limits, check, polars_schema
from vigil.events.schema import EVENTS

__all__ = ["Decoded", "Limits", "Payload", "Payloads", "decode", "decode_columns", "validate"]


@dataclass(frozen=True, slots=True)
class Payload:
    """A message's content and where it came from, for people."""

    content_type: str
    value: bytes
    place: str


@dataclass(frozen=True, slots=True)
class Payloads:
    """Many of them in columns of equal length; `place` is asked for dead letters only."""

    content_types: Sequence[str]
    values: Sequence[bytes]
    place: Callable[[int], str]


def message_place(topic: str, partition: int, offset: int) -> str:
    """Where a message of the event log stands, for people."""
    return f"topic {topic}, partition {partition}, offset {offset}"


@dataclass(frozen=True, slots=True)
class Decoded:
    """`records`: valid rows, columns of the schema. `source`: int64, the payload of each row,
    non-decreasing. `dead`: schema DEAD_LETTERS.
    """

    records: pl.DataFrame
    source: np.ndarray
    dead: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Rows:
    """Unchecked rows with their origin; `raw` gives the text of a row for its dead letter.

    is_own: written by a part of Vigil, which has taken out secrets before. tables: payload number →
    its table with all columns, where `frame` has only those that are wanted.
    """

    frame: pl.DataFrame
    payload: np.ndarray
    line: np.ndarray
    lines: Sequence[bytes] | None = None
    is_own: bool = False
    may_hold_nul: bool = True
    tables: Mapping[int, pa.Table] | None = None

    def raw(self, row: int) -> str:
        if self.lines is not None:
            return readable(self.lines[row])
        if self.tables is not None:
            whole = self.tables[int(self.payload[row])].slice(int(self.line[row]) - 1, 1)
            return readable(orjson.dumps(whole.to_pylist()[0], default=str))
        fields = self.frame.row(row, named=True)
        return readable(orjson.dumps(fields, default=str))


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
    groups: list[_Rows] = []
    dead: list[dict[str, object]] = []
    by_form = numbers_by_form(payloads.content_types, payloads.values)
    arrow = by_form.get(ARROW_STREAM, [])
    text = sorted(by_form.get(NDJSON, []) + by_form.get(JSON, []))
    otlp = sorted(by_form.get(PROTOBUF, []) + by_form.get(OTLP_JSON, []))
    groups += _read_arrow(payloads, arrow, schema, names, dead)
    fields = {name: kind for name, kind in polars_schema(schema).items() if name in names}
    groups += _read_text(payloads, text, limits, dead, fields)
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
    rows = _Rows(frame, np.zeros(count, np.int64), np.arange(1, count + 1))
    here = Payloads([""], [b""], lambda _: place)
    return _assemble(here, [rows], [], schema, now_at, limits)


def _assemble(
    payloads: Payloads,
    groups: Sequence[_Rows],
    dead: list[dict[str, object]],
    schema: pa.Schema,
    now_at: datetime,
    limits: Limits,
) -> Decoded:
    records, sources = [], []
    for rows in groups or [_Rows(_nothing(schema), _NO_NUMBERS, _NO_NUMBERS)]:
        typed, broken = check(rows.frame, schema, now_at, limits)
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
        records.append(valid if rows.is_own else limits.redaction.records(valid))
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


def _read_arrow(
    payloads: Payloads,
    numbers: Sequence[int],
    schema: pa.Schema,
    names: Sequence[str],
    dead: list[dict[str, object]],
) -> list[_Rows]:
    """Arrow streams; those of one schema become one frame, with the columns `names`."""
    alike: dict[pa.Schema, list[tuple[int, pa.Table]]] = {}
    for number in numbers:
        try:
            table = pa.ipc.open_stream(payloads.values[number]).read_all()
            table = table.select([name for name in schema.names if name in table.schema.names])
            table.validate()
            table.select([name for name in names if name in table.schema.names]).validate(full=True)
            _refuse_nested(table)
            alike.setdefault(table.schema.remove_metadata(), []).append((number, table))
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            dead.append(
                one_dead_letter(
                    number, payloads.place(number), 0, "payload", "must be an Arrow IPC stream",
                    reason, text_only(payloads.values[number]),
                )
            )  # fmt: skip
    groups = []
    for given, tables in alike.items():
        counts = [table.num_rows for _, table in tables]
        kept = [name for name in names if name in given.names]
        joined = pa.concat_tables([table.select(kept) for _, table in tables])
        frame = pl.from_arrow(joined)
        assert isinstance(frame, pl.DataFrame)
        payload_of = np.repeat([number for number, _ in tables], counts).astype(np.int64)
        lines = [np.arange(1, count + 1) for count in counts]
        line_of = np.concatenate([*lines, np.empty(0, np.int64)])
        # One piece of memory a column: everything after this is done on whole columns.
        columns = frame.rechunk()
        groups.append(
            _Rows(columns, payload_of, line_of, None, True, may_hold_nul=False, tables=dict(tables))
        )
    return groups


def _read_otlp(
    payloads: Payloads,
    numbers: Sequence[int],
    schema: pa.Schema,
    limits: Limits,
    dead: list[dict[str, object]],
) -> list[_Rows]:
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
    return [_Rows(found.records, np.asarray(numbers, np.int64)[found.request], line)]


def _read_access_logs(
    payloads: Payloads,
    numbers: Sequence[int],
    schema: pa.Schema,
    dead: list[dict[str, object]],
) -> list[_Rows]:
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
) -> _Rows:
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
    return _Rows(frame.filter(matched), payload_of, line_of, kept)


def _refuse_nested(table: pa.Table) -> None:
    """Raise ValueError for a column whose values are no single values (attributes are a map)."""
    for field in table.schema:
        simple = not pa.types.is_nested(field.type)
        if not simple and not (field.name == "attributes" and pa.types.is_map(field.type)):
            raise ValueError(f"column {field.name} has type {field.type}")


def _read_text(
    payloads: Payloads,
    numbers: Sequence[int],
    limits: Limits,
    dead: list[dict[str, object]],
    schema: dict[str, pl.DataType],
) -> list[_Rows]:
    """JSON of any shape. Where a field is not of its type, all are text: types are then judged by
    the rules, not by the parser.
    """
    if not numbers:
        return []
    rows = _read_plain(payloads, numbers, limits, schema)
    return [rows] if rows else _read_awkward(payloads, numbers, limits, dead, schema)


def _read_plain(
    payloads: Payloads, numbers: Sequence[int], limits: Limits, schema: dict[str, pl.DataType]
) -> _Rows | None:
    """All lines in one parse, as nearly all traffic is; None when some need a closer look."""
    contents = [payloads.values[number].strip() for number in numbers]
    text = b"\n".join(contents)
    payload_of, line_of = np.array(numbers, np.int64), np.ones(len(numbers), np.int64)
    lines = contents
    if text.count(b"\n") >= len(contents):
        counts = np.array([content.count(b"\n") + 1 for content in contents])
        if any(payloads.content_types[payload] == JSON for payload in payload_of[counts > 1]):
            return None  # one object over many lines
        lines = text.split(b"\n")
        first = np.cumsum(counts) - counts
        line_of = np.arange(1, len(lines) + 1) - np.repeat(first, counts)
        payload_of = np.repeat(payload_of, counts)
    if max(map(len, lines)) > limits.max_line_bytes:
        return None
    typed = {name: kind if kind.is_numeric() else pl.String() for name, kind in schema.items()}
    frame = _parse(text, len(lines), typed)
    if frame is None:
        return None
    return _Rows(frame, payload_of, line_of, lines, may_hold_nul=may_hold_nul(text))


def _read_awkward(
    payloads: Payloads,
    numbers: Sequence[int],
    limits: Limits,
    dead: list[dict[str, object]],
    schema: dict[str, pl.DataType],
) -> list[_Rows]:
    """Line by line: arrays, objects over many lines, lines that are none or too long."""
    lines: list[bytes] = []
    payload_of: list[int] = []
    line_of: list[int] = []
    for number in numbers:
        records = _records(payloads.content_types[number], payloads.values[number])
        for line, content in enumerate(records, start=1):
            if not content.strip():
                continue
            if len(content) > limits.max_line_bytes:
                rule = f"must be at most {limits.max_line_bytes} bytes"
                place = payloads.place(number)
                size = f"{len(content)} bytes"
                dead.append(
                    one_dead_letter(number, place, line, "record", rule, size, content[:2_000])
                )
                continue
            lines.append(content)
            payload_of.append(number)
            line_of.append(line)
    if not lines:
        return []
    texts = dict.fromkeys(schema, pl.String())
    frame = _parse(b"\n".join(lines), len(lines), texts)
    origin = np.array(payload_of, np.int64), np.array(line_of, np.int64)
    if frame is None:
        keep = _sift(lines, origin, payloads, dead)
        lines = [lines[row] for row in keep]
        frame = (
            _parse(b"\n".join(lines), len(lines), texts) if lines else pl.DataFrame(schema=texts)
        )
        origin = origin[0][keep], origin[1][keep]
    assert frame is not None
    return [_Rows(frame, *origin, lines)]


def _records(content_type: str, value: bytes) -> list[bytes]:
    """The records' texts: lines, or the elements of a JSON array."""
    if content_type == JSON:
        stripped = value.strip()
        if stripped.startswith(b"["):
            try:
                return [orjson.dumps(item) for item in orjson.loads(stripped)]
            except orjson.JSONDecodeError:
                pass
        # One object may be spread over lines; the line parser wants it on one.
        return [stripped.replace(b"\n", b" ").replace(b"\r", b" ")]
    return value.split(b"\n")


def _parse(text: bytes, lines: int, schema: Mapping[str, pl.DataType]) -> pl.DataFrame | None:
    """All lines at once; None when at least one is no JSON object with fields of these types."""
    try:
        frame = pl.read_ndjson(io.BytesIO(text), schema=schema)
    except (pl.exceptions.PolarsError, UnicodeDecodeError):
        return None
    return frame if frame.height == lines else None


def _sift(
    lines: Sequence[bytes],
    origin: tuple[np.ndarray, np.ndarray],
    payloads: Payloads,
    dead: list[dict[str, object]],
) -> list[int]:
    """Rows that are JSON objects; the others become dead letters."""
    keep = []
    for row, line in enumerate(lines):
        try:
            if isinstance(orjson.loads(line), dict):
                keep.append(row)
                continue
            rule, value = "must be a JSON object", readable(line)[:100]
        except orjson.JSONDecodeError as error:
            rule, value = "must be valid JSON in UTF-8", str(error)
        number = int(origin[0][row])
        place = payloads.place(number)
        dead.append(
            one_dead_letter(number, place, int(origin[1][row]), "record", rule, value, line)
        )
    return keep
