"""JSON to unchecked rows: lines, one object, or an array of them."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
import orjson
import polars as pl

from vigil.events.content import JSON
from vigil.events.dead_letters import one_dead_letter, readable
from vigil.events.joined import Joined, sizes_of
from vigil.events.nul import may_hold_nul
from vigil.events.payloads import Payloads, Rows
from vigil.events.rules import Limits


def read_json(
    payloads: Payloads,
    numbers: Sequence[int],
    limits: Limits,
    dead: list[dict[str, object]],
    schema: dict[str, pl.DataType],
) -> list[Rows]:
    """JSON of any shape. Where a field is not of its type, all are text: types are then judged by
    the rules, not by the parser.
    """
    if not numbers:
        return []
    rows = _read_plain(payloads, numbers, limits, schema)
    return [rows] if rows else _read_awkward(payloads, numbers, limits, dead, schema)


def _read_plain(
    payloads: Payloads, numbers: Sequence[int], limits: Limits, schema: dict[str, pl.DataType]
) -> Rows | None:
    """All lines in one parse, as nearly all traffic is; None when some need a closer look."""
    found = _lines(payloads, numbers)
    if found is None:
        return None
    text, lines, payload_of, line_of = found
    if sizes_of(lines).max() > limits.max_line_bytes:
        return None
    typed = {name: kind if kind.is_numeric() else pl.String() for name, kind in schema.items()}
    frame = _parse(text, len(lines), typed)
    if frame is None:
        return None
    return Rows(frame, payload_of, line_of, lines, may_hold_nul=may_hold_nul(text))


def _lines(
    payloads: Payloads, numbers: Sequence[int]
) -> tuple[bytes, Sequence[bytes], np.ndarray, np.ndarray] | None:
    """The text of these payloads, its lines, and of each the payload and its number there; None
    where one object goes over many lines.
    """
    payload_of, line_of = np.array(numbers, np.int64), np.ones(len(numbers), np.int64)
    values = payloads.values
    if isinstance(values, Joined) and len(numbers) == len(values) and values.has_lines():
        return values.text, values, payload_of, line_of
    contents = [values[number].strip() for number in numbers]
    text = b"\n".join(contents)
    if text.count(b"\n") < len(contents):
        return text, contents, payload_of, line_of
    counts = np.array([content.count(b"\n") + 1 for content in contents])
    if any(payloads.content_types[payload] == JSON for payload in payload_of[counts > 1]):
        return None
    lines = text.split(b"\n")
    first = np.cumsum(counts) - counts
    line_of = np.arange(1, len(lines) + 1) - np.repeat(first, counts)
    return text, lines, np.repeat(payload_of, counts), line_of


def _read_awkward(
    payloads: Payloads,
    numbers: Sequence[int],
    limits: Limits,
    dead: list[dict[str, object]],
    schema: dict[str, pl.DataType],
) -> list[Rows]:
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
    return [Rows(frame, *origin, lines)]


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
