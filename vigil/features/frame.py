"""Features of series over time: level, spread, season, and the comparison with yesterday."""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from vigil.features.grid import TrainingSeries

LEVEL_STEPS = 12
# Features take a hundred bytes a step: with four weeks of five minutes, 160 MB.
SERIES_AT_ONCE = 200

FEATURES: dict[str, Any] = {
    "time": pl.Datetime("us", "UTC"),
    "series_id": pl.Int64,
    "metric": pl.String,
    "value": pl.Float64,
    "level": pl.Float64,
    "spread": pl.Float64,
    "hour": pl.Int8,
    "weekday": pl.Int8,
    "seasonal": pl.Float64,
    "residual": pl.Float64,
    "ratio_yesterday": pl.Float64,
    "lag_1": pl.Float64,
}


def features_of(series: Sequence[TrainingSeries]) -> pl.DataFrame:
    """Features of these series, one row a step (schema FEATURES), each series' rows by time.

    level, spread: rolling median and MAD of an hour or so. weekday: 0 for Monday. seasonal: the
    median value at that time of day; residual: what it does not explain. ratio_yesterday: value by
    that a day before.
    """
    by_day: dict[int, list[pl.DataFrame]] = {}
    for item in series:
        by_day.setdefault(item.steps_per_day, []).append(_values(item))
    found = [_features(pl.concat(values), steps) for steps, values in by_day.items()]
    return pl.concat([pl.DataFrame(schema=FEATURES), *found])


def feature_blocks(series: Sequence[TrainingSeries]) -> Iterator[pl.DataFrame]:
    """The same, some hundred series at a time: those of an estate need not fit into memory."""
    for start in range(0, len(series), SERIES_AT_ONCE):
        yield features_of(series[start : start + SERIES_AT_ONCE])


def _values(item: TrainingSeries) -> pl.DataFrame:
    values = {"time": item.history.index.to_numpy(), "value": item.history.to_numpy()}
    return pl.DataFrame(values).select(
        pl.col("time").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        pl.col("value").cast(pl.Float64),
        series_id=pl.lit(item.series_id, pl.Int64),
        metric=pl.lit(item.metric),
    )


def _features(values: pl.DataFrame, steps_per_day: int) -> pl.DataFrame:
    value, time = pl.col("value"), pl.col("time")
    slot = time.dt.epoch("s") % 86_400 * steps_per_day // 86_400
    yesterday = value.shift(steps_per_day).over("series_id")
    return (
        values.with_columns(
            level=_rolling_median(value),
            hour=time.dt.hour(),
            weekday=time.dt.weekday() - 1,
            seasonal=value.median().over("series_id", slot),
            ratio_yesterday=value / pl.when(yesterday.abs() > 1e-9).then(yesterday),
            lag_1=value.shift(1).over("series_id"),
        )
        .with_columns(
            spread=_rolling_median((value - pl.col("level")).abs()),
            residual=value - pl.col("seasonal"),
        )
        .select(pl.col(name).cast(kind) for name, kind in FEATURES.items())
    )


def _rolling_median(of: pl.Expr) -> pl.Expr:
    return of.rolling_median(LEVEL_STEPS, min_samples=1).over("series_id")
