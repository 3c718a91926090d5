"""Files or folders of traces, logs and metrics around an instant, for the search of a cause."""

import gzip
import logging
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from vigil.collect import nezha
from vigil.errors import InputError
from vigil.events.dead_letters import describe
from vigil.events.rules import Limits

logger = logging.getLogger(__name__)

# How much of a past in files of a minute is read, newest first: enough to know what is usual.
PAST_RECORDS = 100_000
PAST_FILES = 24
_CSV = (".csv", ".csv.gz")
_MINUTE = re.compile(r"(\d\d)_(\d\d)_")
_NEZHA: dict[str, tuple[Sequence[str], Callable[[Path], pl.DataFrame]]] = {
    "events": (nezha.TRACE_COLUMNS, nezha.read_spans),
    "logs": (nezha.LOG_COLUMNS, nezha.read_logs),
    "metrics": (nezha.METRIC_COLUMNS, nezha.read_metrics),
}


def read_evidence(
    paths: Sequence[Path], kind: str, at: datetime, until: datetime, limits: Limits
) -> pl.DataFrame | None:
    """Records of one kind (`events`, `logs` or `metrics`) before `until`, None if there are none.

    Each path is a file or a folder, searched with its subfolders for files of that kind: Nezha's
    csv or csv.gz, OTLP JSON, NDJSON, Parquet or Arrow of the schema. Of files that are named after
    their minute (HH_MM_…) only the newest before `until` are read. Of a folder, other kinds of file
    are passed over, and those that cannot be read too, with a warning. Raises InputError when a
    named file is of another kind or broken.
    """
    frames: list[pl.DataFrame] = []
    past = 0
    for path in _newest_first(_files(paths, kind), until):
        enough = past >= PAST_RECORDS or len(frames) >= PAST_FILES
        if enough and _MINUTE.match(path.name):
            break
        try:
            frame = _read(path, kind, limits).filter(pl.col("time") < until)
        except InputError as error:
            if path in paths:
                raise
            logger.warning("passed over: %s", error)
            continue
        past += frame.filter(pl.col("time") < at).height
        frames.append(frame)
    found = [frame for frame in frames if frame.height]
    if not found:
        return None
    return pl.concat(found, how="diagonal_relaxed")


def _files(paths: Sequence[Path], kind: str) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (f for f in sorted(path.rglob("*")) if f.is_file() and _is_one(f, kind))
        elif _fits(path, kind):
            yield path
        else:
            raise InputError(f"{path} holds no {kind} that vigil can read")


def _is_one(path: Path, kind: str) -> bool:
    """Whether a file that nobody named is one of the kind: any other may lie beside it."""
    try:
        return _fits(path, kind)
    except InputError as error:
        logger.debug("passed over: %s", error)
        return False


def _fits(path: Path, kind: str) -> bool:
    if path.name.endswith(_CSV):
        return set(_NEZHA[kind][0]) <= set(_header(path))
    # Decoding of everything else is slow to import; a search in csv files does without.
    from vigil.collect.files import guess_kind

    return guess_kind(path) == kind


def _header(path: Path) -> list[str]:
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            return lines.readline().strip().lstrip("\ufeff").replace('"', "").split(",")
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _newest_first(paths: Iterator[Path], until: datetime) -> list[Path]:
    """Files without a minute in their name first, then by how long before `until` theirs is.

    A minute's file may be written up to a minute after it.
    """
    last = until + timedelta(minutes=1)
    dated: list[tuple[int, Path]] = []
    others: list[Path] = []
    for path in paths:
        if match := _MINUTE.match(path.name):
            minute = int(match[1]) * 60 + int(match[2])
            dated.append(((last.hour * 60 + last.minute - minute) % 1440, path))
        else:
            others.append(path)
    return others + [path for _, path in sorted(dated)]


def _read(path: Path, kind: str, limits: Limits) -> pl.DataFrame:
    if path.name.endswith(_CSV):
        try:
            return _NEZHA[kind][1](path)
        except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as error:
            raise InputError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    from vigil.collect.files import read_chunks

    frames = []
    for chunk in read_chunks(path, kind, None, datetime.now(UTC), limits):
        frames.append(chunk.decoded.records)
        for row in chunk.decoded.dead.head(1).iter_rows(named=True):
            count = chunk.decoded.dead.height
            logger.warning("%d records cannot be used, the first: %s", count, describe(row))
    return pl.concat(frames)
