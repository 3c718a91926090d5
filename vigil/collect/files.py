"""Files of events, metrics or logs to records, and tables to files."""

import codecs
import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedIOBase
from pathlib import Path

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from vigil.collect.series_csv import read_table
from vigil.errors import InputError
from vigil.events.access_logs import AccessLog, access_log_type
from vigil.events.content import JSON, NDJSON
from vigil.events.decode import Decoded, Limits, Payload, decode, validate
from vigil.events.schema import EVENTS, LOGS, METRICS

KINDS = {"events": EVENTS, "metrics": METRICS, "logs": LOGS}
TEXT = {".ndjson": NDJSON, ".jsonl": NDJSON, ".json": JSON}
# What an OTLP export request in JSON begins with.
OTLP_FIELDS = {"resourceSpans": "events", "resourceLogs": "logs", "resourceMetrics": "metrics"}
LINES_AT_ONCE = 50_000
ROWS_AT_ONCE = 200_000
BYTES_AT_ONCE = 16 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a file, decoded; `first_line` is the number of records before it."""

    decoded: Decoded
    first_line: int


def suffix_of(path: Path) -> str:
    """The suffix that names the format, without a .gz behind it."""
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def guess_kind(path: Path) -> str:
    """`events`, `metrics` or `logs`, by the fields of the first record; raises InputError."""
    names = set(_first_fields(path))
    for field, kind in OTLP_FIELDS.items():
        if field in names:
            return kind
    if "duration_ms" in names:
        return "events"
    if "body" in names:
        return "logs"
    if "metric" in names or suffix_of(path) == ".csv":
        return "metrics"
    raise InputError(f"{path} has neither duration_ms, metric nor body: say --kind")


def _first_fields(path: Path) -> list[str]:
    suffix = suffix_of(path)
    try:
        if suffix == ".parquet":
            return pq.read_schema(path).names
        if suffix == ".arrow":
            with pa.OSFile(str(path)) as source:
                return pa.ipc.open_file(source).schema.names
        with _open(path) as lines:
            first = lines.read() if suffix == ".json" else lines.readline(1 << 20)
    except (OSError, pa.ArrowException, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {_reason(error)}") from error
    if suffix == ".csv":
        return re.split(r"[,;\t]", first.decode("utf-8", "replace").strip().replace('"', ""))
    if suffix not in TEXT:
        known = ", ".join([*TEXT, ".csv", ".parquet", ".arrow"])
        raise InputError(f"{path} must end in {known} (text also in .gz), got {path.name!r}")
    if not first:
        raise InputError(f"{path} is empty")
    try:
        found = orjson.loads(first)
    except orjson.JSONDecodeError:
        return []
    record = found[0] if isinstance(found, list) and found else found
    return list(record) if isinstance(record, dict) else []


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).splitlines()[0]


@contextmanager
def _open(path: Path) -> Iterator[BufferedIOBase]:
    """The file's bytes, unpacked, without the mark that Windows puts before UTF-8."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        if file.peek(3)[:3] == codecs.BOM_UTF8:
            file.read(3)
        yield file


def read_chunks(
    path: Path, kind: str, metric: str | None, now_at: datetime, limits: Limits
) -> Iterator[Chunk]:
    """The file's records in pieces of bounded size; raises InputError when it cannot be read."""
    suffix, schema = suffix_of(path), KINDS[kind]
    place = f"file {path.name}"
    try:
        if suffix in TEXT:
            yield from _read_text(path, TEXT[suffix], place, schema, now_at, limits)
        elif suffix == ".csv":
            frame, _ = read_table(path)
            if kind == "metrics" and "metric" not in frame.columns:
                frame = _as_metric(frame, path, metric)
            yield Chunk(validate(frame, place, schema, now_at, limits), 0)
        else:
            yield from _read_columns(path, suffix, place, schema, now_at, limits)
    except (
        OSError, EOFError, zlib.error, pa.ArrowException, pl.exceptions.PolarsError
    ) as error:  # fmt: skip
        raise InputError(f"{path} cannot be read: {_reason(error)}") from error


def _read_text(
    path: Path, content: str, place: str, schema: pa.Schema, now_at: datetime, limits: Limits
) -> Iterator[Chunk]:
    if content == JSON:
        with _open(path) as source:
            payload = Payload(JSON, source.read(), place)
        yield Chunk(decode([payload], schema, now_at, limits), 0)
        return
    before = 0
    with _open(path) as source:
        while lines := source.readlines(64 << 20)[:]:
            for start in range(0, len(lines), LINES_AT_ONCE):
                piece = lines[start : start + LINES_AT_ONCE]
                payload = Payload(NDJSON, b"".join(piece), place)
                yield Chunk(decode([payload], schema, now_at, limits), before)
                before += len(piece)


def _as_metric(frame: pl.DataFrame, path: Path, metric: str | None) -> pl.DataFrame:
    """A bare csv of timestamp and value: the folder names the service, the file the metric."""
    if frame.width < 2:
        raise InputError(f"{path} needs the columns timestamp and value, got {frame.columns}")
    return frame.select(
        pl.nth(0).alias("time"),
        pl.nth(1).alias("value"),
        metric=pl.lit(metric or path.name.split(".")[0]),
        service=pl.lit(path.resolve().parent.name),
    )


def _read_columns(
    path: Path, suffix: str, place: str, schema: pa.Schema, now_at: datetime, limits: Limits
) -> Iterator[Chunk]:
    if suffix == ".parquet":
        batches: Iterator[pa.RecordBatch] = pq.ParquetFile(path).iter_batches(ROWS_AT_ONCE)
    else:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
    before = 0
    for batch in batches:
        columns = [name for name in schema.names if name in batch.schema.names]
        frame = pl.from_arrow(pa.Table.from_batches([batch]).select(columns))
        assert isinstance(frame, pl.DataFrame)
        yield Chunk(validate(frame, place, schema, now_at, limits), before)
        before += batch.num_rows


def read_access_log(
    path: Path, log: AccessLog, now_at: datetime, limits: Limits
) -> Iterator[Chunk]:
    """The lines of an access log, also of a .gz, in pieces of bounded size; raises InputError."""
    content_type, place, before = access_log_type(log), f"file {path.name}", 0
    try:
        with _open(path) as source:
            while lines := source.readlines(BYTES_AT_ONCE):
                payload = Payload(content_type, b"".join(lines), place)
                yield Chunk(decode([payload], EVENTS, now_at, limits), before)
                before += len(lines)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {_reason(error)}") from error


@contextmanager
def open_writer(path: Path, suffix: str, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """A function that appends tables to a .parquet, .arrow or .ndjson file."""
    if suffix == ".parquet":
        with pq.ParquetWriter(path, schema) as parquet:
            yield parquet.write_table
    elif suffix == ".arrow":
        with pa.ipc.new_file(str(path), schema) as arrow:
            yield arrow.write_table
    else:
        with path.open("wb") as out:

            def write(table: pa.Table) -> None:
                out.write(_ndjson(table))

            yield write


def _ndjson(table: pa.Table) -> bytes:
    rows = table.to_pylist(maps_as_pydicts="strict")
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
    return b"".join(orjson.dumps(row, option=options) for row in rows)
