"""A csv of timestamps and values, as anybody has it: one series, read forgivingly."""

from dataclasses import dataclass
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
    values, duplicates and any order are fine. Raises InputError with the line and the value.
    """
    try:
        frame = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=True)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read as csv: {reason}") from error
    if frame.width < 2:
        raise InputError(f"{path} needs the columns timestamp and value, got {frame.columns}")
    if frame.is_empty():
        raise InputError(f"{path} has no rows")
    texts = frame.select(
        pl.nth(0).fill_null("").alias("timestamp"),
        pl.nth(1).fill_null("").str.strip_chars().alias("value"),
    )
    missing = pl.col("value").str.to_lowercase().is_in(_MISSING)
    parsed = texts.select(
        time=parse_time("timestamp"),
        value=pl.when(missing)
        .then(float("nan"))
        .otherwise(pl.col("value").cast(pl.Float64, strict=False)),
    )
    for column, rule in (("time", "a timestamp"), ("value", "a number")):
        bad = parsed[column].is_null().arg_true()
        if len(bad):
            given = texts["timestamp" if column == "time" else "value"][int(bad[0])]
            raise InputError(f"{path}, line {bad[0] + 2}: must be {rule}, got {given!r}")
    time_s = parsed["time"].dt.epoch("us").to_numpy() / 1e6
    return SeriesFile(texts["timestamp"], time_s, parsed["value"].to_numpy())
