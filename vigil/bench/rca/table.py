"""Runs every method on every case and counts how high the cause stands."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import polars as pl

from vigil.bench.rca.cases import Case
from vigil.bench.rca.peers import METHODS


def bench_rca(
    cases: Iterable[Case], methods: Iterable[str], tick: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """One row a case and method: `case`, `system`, `kind`, `method`, `rank` (1 is best, None if
    the cause is not listed), `first` (who is), `seconds` of wall clock without reading.
    """
    rows = []
    for case in cases:
        observed = case.observe()
        for method in methods:
            begin = time.perf_counter()
            ranking = METHODS[method](observed, case.at)
            seconds = time.perf_counter() - begin
            rows.append(
                {
                    "case": case.name,
                    "system": case.system,
                    "kind": case.kind,
                    "method": method,
                    "rank": rank_of(case, ranking),
                    "first": ranking[0] if ranking else None,
                    "seconds": seconds,
                }
            )
        tick()
    return rows


def rank_of(case: Case, ranking: list[str]) -> int | None:
    """Where the cause stands: the service in its environment; any service of the environment
    where all of it is the cause.
    """
    for rank, component in enumerate(ranking, start=1):
        service, _, environment = component.partition("@")
        if case.service in (None, service) and case.environment in (None, environment):
            return rank
    return None


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By system, kind (and `all`) and method: `cases`, `top1`, `top3` (0 to 1), `seconds`."""
    frame = pl.DataFrame(rows, schema_overrides={"rank": pl.Int64})
    whole = frame.with_columns(kind=pl.lit("all"))
    return (
        pl.concat([whole, frame])
        .group_by("system", "kind", "method", maintain_order=True)
        .agg(
            cases=pl.len(),
            top1=(pl.col("rank") == 1).fill_null(False).mean().round(3),
            top3=(pl.col("rank") <= 3).fill_null(False).mean().round(3),
            seconds=pl.col("seconds").median().round(2),
        )
        .sort("system", "kind", maintain_order=True)
        .to_dicts()
    )
