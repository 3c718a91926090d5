"""The simulated estate as csv files for the forecast benchmark: rates and latencies of routes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from vigil.events.schema import REQUEST_KINDS
from vigil.simulate import SimulationPlan, chunk_count, simulate_chunk

START_AT = datetime(2026, 3, 2, tzinfo=UTC)
DAYS, STEP, TRACES_PER_S = 21, timedelta(minutes=10), 0.5
KEYS = ("environment", "service", "route", "method")


def simulated_chunks() -> int:
    """How often `write_simulated` ticks."""
    return chunk_count(_plan(0))


def write_simulated(folder: Path, seed: int, tick: Callable[[], None] = lambda: None) -> None:
    """A csv a route and metric (requests, mean latency in ms of a step), a family a metric and
    environment: three weeks without faults, in steps of ten minutes.
    """
    plan, parts = _plan(seed), []
    for index in range(chunk_count(plan)):
        events = pl.DataFrame(simulate_chunk(plan, index).drop_columns(["attributes"]))
        requests = events.filter(pl.col("kind").is_in(REQUEST_KINDS))
        parts.append(
            requests.with_columns(pl.col("time").dt.truncate(STEP))
            .group_by("time", *KEYS)
            .agg(requests=pl.len(), total_ms=pl.col("duration_ms").sum())
        )
        tick()
    steps = pl.concat(parts).group_by("time", *KEYS).agg(pl.col("requests", "total_ms").sum())
    grid = pl.DataFrame({"time": pl.datetime_range(
        START_AT, START_AT + timedelta(days=DAYS), STEP, closed="left", eager=True
    ).dt.cast_time_unit("us")})  # fmt: skip
    routes = steps.partition_by(*KEYS, as_dict=True, include_key=False)
    for number, (key, own) in enumerate(sorted(routes.items())):
        whole = grid.join(own, on="time", how="left", maintain_order="left")
        for metric, value in (
            ("requests", pl.col("requests").fill_null(0)),
            ("latency", pl.col("total_ms") / pl.col("requests")),
        ):
            family = folder / f"{metric}-{key[0]}"
            family.mkdir(exist_ok=True)
            whole.select("time", value.alias("value")).write_csv(family / f"{number:02}.csv")


def _plan(seed: int) -> SimulationPlan:
    return SimulationPlan(START_AT, int(timedelta(days=DAYS).total_seconds()), TRACES_PER_S, seed)
