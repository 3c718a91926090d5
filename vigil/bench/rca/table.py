"""Runs every method on every case and counts how high the cause stands."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

import polars as pl

from vigil.bench.rca.cases import Case
from vigil.bench.rca.peers import METHODS


def bench_rca(
    cases: Iterable[Case], methods: Iterable[str], tick: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """One row a case and method: `case`, `system`, `kind`, `method`, `rank` (1 is best, None if
    the cause is not listed), `first` (who is), `cpu_s` without reading the files.
    """
    rows = []
    for case in cases:
        observed = case.observe()
        for method in methods:
            # Not by the wall clock, which counts whatever else the machine does.
            begin_s = time.process_time()
            ranking = METHODS[method](observed, case.at)
            cpu_s = time.process_time() - begin_s
            rows.append(
                {
                    "case": case.name,
                    "system": case.system,
                    "kind": case.kind,
                    "method": method,
                    "rank": rank_of(case, ranking),
                    "first": ranking[0] if ranking else None,
                    "cpu_s": cpu_s,
                }
            )
        tick()
    return rows


def time_command(cases: Iterable[Case], count: int) -> dict[str, float]:
    """Seconds that the whole command takes, from its start to its answer, for `count` of the cases
    that have files, evenly chosen: medians `wall_s` and `cpu_s`.
    """
    from_files = [case for case in cases if case.folder is not None]
    chosen = from_files[:: max(len(from_files) // count, 1)][:count]
    took = [_time(case) for case in chosen]
    return {
        "commands": len(took),
        "wall_s": round(median(wall_s for wall_s, _ in took), 2),
        "cpu_s": round(median(cpu_s for _, cpu_s in took), 2),
    }


def _time(case: Case) -> tuple[float, float]:
    """(seconds of wall clock, of CPU) of one command."""
    assert case.folder is not None
    command = [sys.executable, "-m", "vigil.cli.main", "rca", case.folder / "trace", "--json"]
    command += ["--logs", case.folder / "log", "--metrics", case.folder / "metric"]
    command += ["--at", case.at.isoformat()]
    begin_s, before = time.perf_counter(), os.times()
    subprocess.run([str(part) for part in command], check=False, capture_output=True)
    took_s, after = time.perf_counter() - begin_s, os.times()
    user_s = after.children_user - before.children_user
    return took_s, user_s + after.children_system - before.children_system


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
    """By system, kind (and `all`) and method: `cases`, `top1`, `top3` (0 to 1), `cpu_s`."""
    frame = pl.DataFrame(rows, schema_overrides={"rank": pl.Int64})
    whole = frame.with_columns(kind=pl.lit("all"))
    return (
        pl.concat([whole, frame])
        .group_by("system", "kind", "method", maintain_order=True)
        .agg(
            cases=pl.len(),
            top1=(pl.col("rank") == 1).fill_null(False).mean().round(3),
            top3=(pl.col("rank") <= 3).fill_null(False).mean().round(3),
            cpu_s=pl.col("cpu_s").median().round(2),
        )
        .sort("system", "kind", maintain_order=True)
        .to_dicts()
    )
