"""A csv of timestamps and values, as anybody has it: one series, read forgivingly."""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import polars as pl

from vigil.errors import InputError
from vigil.events.rules import parse_time


@dataclass(frozen=True, slots=True)
class SeriesFile:
    """Rows in file order. timestamp: the file's own text; time_s float64 epoch seconds;
    value float64, NaN where the field is empty or says so.
    """

    timestamp: pl.Series
    time_s: np.ndarray
    value: np.ndarray


_MISSING = ("", "nan", "null", "none", "na", "n/a", "-")


def read_series(path: Path) -> SeriesFile:
    """The first two columns of the csv: timestamp and value; others are ignored.

    Timestamps may be ISO 8601 with or without zone, or epoch numbers; quoted numbers, empty
    values, duplicates and any order are fine, and any layout that `read_table` knows. Raises
    InputError with the line and the value.
    """
    frame, first_line = read_table(path)
    if frame.width < 2:
        raise InputError(f"{path} needs the columns timestamp and value, got {frame.columns}")
    if frame.is_empty():
        raise InputError(f"{path} has no rows")
    texts, parsed = _series(frame)
    for name, rule in (("timestamp", "a timestamp"), ("value", "a number")):
        bad = parsed[name].is_null().arg_true()
        if len(bad):
            line, given = bad[0] + first_line, texts[name][int(bad[0])]
            raise InputError(f"{path}, line {line}: must be {rule}, got {given!r}")
    time_s = parsed["timestamp"].dt.epoch("us").to_numpy() / 1e6
    return SeriesFile(texts["timestamp"], time_s, parsed["value"].to_numpy())


def read_table(path: Path) -> tuple[pl.DataFrame, int]:
    """All columns of a csv as text, and the line of the first row.

    Between columns stand commas, tabs or semicolons (then a comma in a number is a decimal one,
    and becomes a point). A first line of a timestamp and a number is a row, not a header. UTF-16
    is read too. Raises InputError.
    """
    frame = _read_csv(path)
    separator = next((mark for mark in ";\t" if mark in frame.columns[0]), ",")
    if separator != ",":
        frame = _read_csv(path, separator=separator)
    head = pl.DataFrame([frame.columns], orient="row")
    has_header = head.width < 2 or any(column.has_nulls() for column in _series(head)[1])
    if not has_header:
        frame = _read_csv(path, separator=separator, has_header=False)
    return frame, 2 if has_header else 1


_DECIMAL_COMMA = r"^(\s*[-+]?\d*),(\d+(?:[eE][-+]?\d+)?\s*)$"


def _read_csv(path: Path, separator: str = ",", has_header: bool = True) -> pl.DataFrame:
    try:
        with path.open("rb") as file:
            wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        frame = pl.read_csv(
            path.read_text("utf-16").encode() if wide else path,
            infer_schema=False, truncate_ragged_lines=True, separator=separator,
            has_header=has_header,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder: give one csv file") from error
    except (OSError, UnicodeError, pl.exceptions.PolarsError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read as csv: {reason}") from error
    if separator != ";":
        return frame
    pointed = pl.all().str.replace(_DECIMAL_COMMA, "${1}.${2}")
    return frame.select(pointed).rename(lambda name: re.sub(_DECIMAL_COMMA, r"\1.\2", name))


def _series(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first two columns as they are, and as instants and numbers, null where they are none."""
    texts = frame.select(
        pl.nth(0).fill_null("").alias("timestamp"),
        pl.nth(1).fill_null("").str.strip_chars().alias("value"),
    )
    value = pl.col("value")
    parsed = texts.select(
        parse_time("timestamp").alias("timestamp"),
        pl.when(value.str.to_lowercase().is_in(_MISSING))
        .then(float("nan"))
        .otherwise(value.cast(pl.Float64, strict=False))
        .alias("value"),
    )
    return texts, parsed


_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:(?P<between>[T ])\d\d:\d\d(?P<seconds>:\d\d)?(?P<fraction>\.\d+)?)?"
    r"(?P<gap> ?)(?P<zone>Z|[+-]\d\d:?\d\d)?"
)
_AMERICAN = re.compile(r"\d\d?/\d\d?/\d{4} \d\d?:\d\d(?P<seconds>:\d\d)?")
_EPOCH_UNITS_S = ((1e11, 1.0), (1e14, 1e-3), (1e17, 1e-6), (float("inf"), 1e-9))


def timestamps_like(example: str, time_s: np.ndarray) -> list[str]:
    """Instants (n,) in epoch seconds, written as `example` is: zone, separator, precision, unit.

    Digits are added where the instants need them. Anything unknown becomes ISO 8601 in UTC. Raises
    InputError for an instant beyond the year 9999.

    >>> timestamps_like("2026-03-02 10:00", np.array([0.0, 90.0]))
    ['1970-01-01 00:00:00', '1970-01-01 00:01:30']
    """
    text = example.strip()
    try:
        number = float(text)
    except ValueError:
        write = _writer(text, time_s)
        try:
            return [write(datetime.fromtimestamp(s, UTC)) for s in time_s.tolist()]
        except (ValueError, OverflowError) as error:
            raise InputError(f"timestamps must be of the years 1 to 9999: {error}") from error
    unit_s = next(unit for limit, unit in _EPOCH_UNITS_S if abs(number) < limit)
    ticks = time_s / unit_s
    whole = text.lstrip("+-").isdigit() and np.allclose(ticks, np.rint(ticks), rtol=0, atol=1e-3)
    return [str(tick) for tick in (np.rint(ticks).astype(np.int64) if whole else ticks).tolist()]


def _writer(example: str, time_s: np.ndarray) -> Callable[[datetime], str]:
    """How to write one instant so that it looks like the example and loses nothing."""
    fine, seconds = bool((time_s % 1).any()), bool((time_s % 60).any())
    american = _AMERICAN.fullmatch(example)
    if american:
        pattern = "%m/%d/%Y %H:%M" + (":%S" if seconds or american["seconds"] else "")
        return lambda instant: instant.strftime(pattern + (".%f" if fine else ""))
    iso = _ISO.fullmatch(example)
    if not iso:
        return lambda instant: instant.isoformat().replace("+00:00", "Z")
    if not iso["between"] and not (time_s % 86_400).any():
        return lambda instant: instant.strftime("%Y-%m-%d")
    fraction = iso["fraction"] or (".000000" if fine else "")
    precise = bool(fraction or iso["seconds"] or seconds)
    unit = ("microseconds" if fraction else "seconds") if precise else "minutes"
    zone, suffix = UTC, (iso["gap"] or "") + (iso["zone"] or "")
    if iso["zone"] and iso["zone"] != "Z":
        sign = -1 if iso["zone"][0] == "-" else 1
        hours, minutes = int(iso["zone"][1:3]), int(iso["zone"][-2:])
        zone = timezone(sign * timedelta(hours=hours, minutes=minutes))

    def write(instant: datetime) -> str:
        local = instant.astimezone(zone).replace(tzinfo=None)
        text = local.isoformat(sep=iso["between"] or "T", timespec=unit)
        digits = len(fraction) - 1
        return (text[: digits - 6] if 0 < digits < 6 and not fine else text) + suffix

    return write
