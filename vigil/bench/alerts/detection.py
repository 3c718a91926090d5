"""Flags against injected faults: what the detector alone finds, before incidents and pages."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from vigil.bench.alerts.estate import WINDOW_S, Estate, Event
from vigil.bench.alerts.judge import AFTERMATH_S, kinds

# Flags of one series with fewer quiet windows than these between them are one run.
_QUIET_WINDOWS = 4


class FlaggedWindows:
    """The flagged windows of a run; feed each day's decisions, then judge."""

    def __init__(self) -> None:
        self._days: list[pl.DataFrame] = []

    def add(self, decisions: pl.DataFrame) -> None:
        """Keep the flagged ones, as first decided: a revision comes too late to find anything."""
        flagged = decisions.filter(pl.col("flagged"), pl.col("revision") == 0)
        self._days.append(
            flagged.select("series_id", "service", time_s=pl.col("window_start").dt.epoch("s"))
        )

    def judge(
        self, estate: Estate, faults: Sequence[Event], noise: Sequence[Event]
    ) -> dict[str, Any]:
        """Share of faults found, how soon, and runs of flags that nothing explains.

        A fault is found by the first flagged window of an affected service that ends in its time.
        The delay is from the fault's begin to the end of that window, in windows.
        `recall_by_chance` is the same measured in as much time right before each fault.
        """
        flags = pl.concat(self._days)
        time_s = flags["time_s"].to_numpy().astype(float)
        service = flags["service"].to_numpy()
        delays = [_delay_windows(fault, time_s, service) for fault in faults]
        found = [delay for delay in delays if delay is not None]
        chance = [_delay_windows(_before(fault), time_s, service) for fault in faults]
        weeks = estate.weeks
        return {
            "recall": round(len(found) / max(len(faults), 1), 3),
            "recall_by_chance": round(sum(d is not None for d in chance) / max(len(faults), 1), 3),
            "median_delay_windows": round(median(found), 1) if found else None,
            "missed": kinds(f for f, d in zip(faults, delays, strict=True) if d is None),
            "unexplained_flag_runs_a_week": round(
                _unexplained_runs(flags, estate, faults, noise) / weeks, 1
            ),
        }


def _delay_windows(fault: Event, time_s: np.ndarray, service: np.ndarray) -> float | None:
    during = (time_s + WINDOW_S > fault.start_s) & (time_s < fault.end_s)
    inside = np.flatnonzero(during)
    inside = inside[np.isin(service[inside], list(fault.affected))]
    if not len(inside):
        return None
    return float((time_s[inside].min() + WINDOW_S - fault.start_s) / WINDOW_S)


def _before(fault: Event) -> Event:
    back_s = fault.end_s - fault.start_s + WINDOW_S
    return replace(fault, start_s=fault.start_s - back_s, end_s=fault.end_s - back_s)


def _unexplained_runs(
    flags: pl.DataFrame, estate: Estate, faults: Sequence[Event], noise: Sequence[Event]
) -> int:
    """Runs that touch neither a fault nor a piece of noise of their service, after warm-up."""
    apart_s = _QUIET_WINDOWS * WINDOW_S
    runs = (
        flags.sort("series_id", "time_s")
        .with_columns(
            run=((pl.col("time_s").diff() > apart_s) | (pl.col("series_id").diff() != 0))
            .fill_null(True)
            .cum_sum()
        )
        .group_by("run")
        .agg(pl.col("service").first(), start=pl.col("time_s").min(), end=pl.col("time_s").max())
    )
    start, end = runs["start"].to_numpy(), runs["end"].to_numpy() + WINDOW_S
    service = runs["service"].to_numpy()
    explained = start < estate.scored_from_s
    for event in (*faults, *(_with_reach(estate, event) for event in noise)):
        near = (end > event.start_s) & (start < event.end_s + AFTERMATH_S)
        explained |= near & np.isin(service, list(event.affected))
    return int((~explained).sum())


def _with_reach(estate: Estate, noise: Event) -> Event:
    """The services that feel the noise: those behind a stopped one, else those that call it."""
    reach = estate.reach(noise.service, upwards=noise.kind != "maintenance")
    return replace(noise, affected=frozenset(estate.services[number] for number in reach))
