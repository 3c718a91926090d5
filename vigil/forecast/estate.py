"""All series of an estate forecast together; request rates also by service and as a whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from vigil.features.grid import TrainingSeries, TrainingSet
from vigil.forecast.batch import forecast_batch
from vigil.forecast.hierarchy import ESTATE, reconcile

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
QUANTILES = ("p2_5", "p10", "p50", "p90", "p97_5")
# What adds up over routes.
ADDITIVE = "request_rate"
LEAST_STEPS = 48
DAY_S = 86_400

FORECASTS: Mapping[str, Any] = {
    "level": pl.String,
    "service": pl.String,
    "series_id": pl.Int64,
    "metric": pl.String,
    "time": pl.Datetime("us", "UTC"),
    "mean": pl.Float64,
    **dict.fromkeys(QUANTILES, pl.Float64),
}


@dataclass(frozen=True, slots=True)
class Node:
    """What a forecast is of: a route's series, a service's total, or that of the estate."""

    level: str
    service: str
    series_id: int | None
    metric: str


def forecast_estate(
    training: TrainingSet,
    services: dict[int, str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pl.DataFrame:
    """The day after the training range, schema FORECASTS; a row a node and step.

    `services`: series_id → its service. Routes' request rates, their services' and the estate's add
    up in `mean`; quantiles move with it. Series of fewer than 48 steps are left out.
    """
    parts = [pl.DataFrame(schema=FORECASTS)]
    by_step = sorted(training.series, key=lambda item: (item.step_s, item.series_id))
    for step_s, items in groupby(by_step, key=lambda item: item.step_s):
        parts.append(_forecast_step(list(items), step_s, services, progress))
    return pl.concat(parts)


def _forecast_step(
    items: list[TrainingSeries],
    step_s: int,
    services: dict[int, str],
    progress: Callable[[int, int], None],
) -> pl.DataFrame:
    """All series of one step, on one grid."""
    grid = pd.concat([item.history for item in items], axis=1)
    grid = grid.asfreq(pd.offsets.Second(step_s))
    if len(grid) < LEAST_STEPS:
        return pl.DataFrame(schema=FORECASTS)
    nodes = [Node("route", services[item.series_id], item.series_id, item.metric) for item in items]
    value = grid.to_numpy(float).T
    routes = [number for number, node in enumerate(nodes) if node.metric == ADDITIVE]
    names = sorted({nodes[number].service for number in routes})
    rows = [[n for n in routes if nodes[n].service == name] for name in names]
    if routes:
        value = np.concatenate([value, *(_total(value[row]) for row in [*rows, routes])])
        nodes += [Node("service", name, None, ADDITIVE) for name in names]
        nodes.append(Node(ESTATE, "", None, ADDITIVE))
    steps = max(1, DAY_S // step_s)
    start_s = grid.index[0].timestamp()
    mean, quantile = forecast_batch(value, start_s, step_s, steps, LEVELS, progress)
    if routes:
        tree = [*routes, *range(len(items), len(nodes))]
        own = [nodes[number].service for number in routes]
        agreed = np.maximum(reconcile(mean[routes], mean[len(items) :], own), 0.0)
        moved = agreed - mean[tree]
        mean[tree] = agreed
        quantile[tree] = np.maximum(quantile[tree] + moved[:, :, None], 0.0)
    ahead_s = start_s + step_s * (len(grid) + np.arange(steps))
    return _rows(nodes, ahead_s, mean, quantile)


def _total(value: np.ndarray) -> np.ndarray:
    """Sum of rows (1, n), NaN where none has a value."""
    known = ~np.isnan(value)
    return np.where(known.any(axis=0), np.nansum(value, axis=0), np.nan)[None]


def _rows(
    nodes: list[Node], ahead_s: np.ndarray, mean: np.ndarray, quantile: np.ndarray
) -> pl.DataFrame:
    steps = len(ahead_s)
    instants = pl.from_epoch(pl.Series((ahead_s * 1e6).astype(np.int64)), time_unit="us")
    named = pl.DataFrame(
        [(node.level, node.service, node.series_id, node.metric) for node in nodes],
        schema=list(FORECASTS)[:4], orient="row",
    )  # fmt: skip
    index = np.repeat(np.arange(len(nodes)), steps)
    columns: dict[str, Any] = {
        "time": instants.dt.replace_time_zone("UTC")[np.tile(np.arange(steps), len(nodes))],
        "mean": mean.ravel(),
        **{name: quantile[:, :, q].ravel() for q, name in enumerate(QUANTILES)},
    }
    return named[index].with_columns(**columns).cast(pl.Schema(FORECASTS))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an earlier forecast was worth: values compared, error over that of the day before,
    shares inside the 80 and 95 % bands; NaN where nothing could be compared.
    """

    compared: int
    relative_error: float
    covered_80: float
    covered_95: float


def judge_forecasts(forecast: pl.DataFrame, training: TrainingSet) -> Verdict:
    """An earlier forecast (schema FORECASTS) against what came, routes' series only."""
    truths = [
        pl.DataFrame(
            {
                "series_id": item.series_id,
                "time": item.history.index.to_numpy().astype("datetime64[us]"),
                "truth": item.history.to_numpy(float),
                "before": item.history.shift(item.steps_per_day).to_numpy(float),
            }
        )
        for item in training.series
    ]
    if not truths:
        return Verdict(0, np.nan, np.nan, np.nan)
    truth = pl.concat(truths).with_columns(pl.col("time").dt.replace_time_zone("UTC"))
    both = (
        forecast.join(truth, on=["series_id", "time"]).drop_nulls().drop_nans(["truth", "before"])
    )
    error = (pl.col("mean") - pl.col("truth")).abs().sum()
    naive = (pl.col("before") - pl.col("truth")).abs().sum()
    found = both.select(
        error / naive,
        pl.col("truth").is_between("p10", "p90").mean().alias("covered_80"),
        pl.col("truth").is_between("p2_5", "p97_5").mean().alias("covered_95"),
    ).row(0)
    return Verdict(both.height, *(np.nan if share is None else float(share) for share in found))
