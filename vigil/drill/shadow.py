"""The shadow: a copy of real observations with injected faults, and what detection makes of it.

It lives in memory and ends with the function. Nothing here knows a store, a channel or the stream,
and an import contract keeps it so: shadow data cannot page anybody.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from vigil.detect import DetectorSettings, MetricKind, Observations, OnlineDetector
from vigil.incidents.grouping import OPENED, REOPENED, IncidentTracker
from vigil.incidents.rules import IncidentRules

LATENCY_TIMES, ERRORS_ADDED = 2.5, 0.2
KINDS = ("latency_step", "error_burst", "traffic_drop")
LASTS = timedelta(minutes=30)
# A page this long after a fault's end may still be about it.
AFTERMATH = timedelta(minutes=10)
# Below this a service is a blind spot.
LEAST_RECALL = 2 / 3

_METRIC = {
    "latency_step": "latency_ms_p95",
    "error_burst": "error_ratio",
    "traffic_drop": "request_rate",
}
_KIND = {
    "request_rate": MetricKind.RATE,
    "error_ratio": MetricKind.RATIO,
    "latency_ms_p95": MetricKind.LATENCY,
}


@dataclass(frozen=True, slots=True)
class DrillFault:
    """One injected fault."""

    service: str
    kind: str
    start_at: datetime

    @property
    def end_at(self) -> datetime:
        """When it is over."""
        return self.start_at + LASTS


@dataclass(frozen=True, slots=True)
class ServiceDrill:
    """The result for one service: faults injected and noticed, delay in seconds, false alarms."""

    service: str
    faults: int
    found: int
    missed: tuple[str, ...]
    delay_s: float | None
    false_alarms: int

    @property
    def recall(self) -> float:
        """Share of the faults that somebody would have been told of."""
        return self.found / self.faults

    @property
    def passed(self) -> bool:
        """False for a blind spot."""
        return self.recall >= LEAST_RECALL


def plan_drill(
    services: Iterable[str], start_at: datetime, end_at: datetime, seed: int
) -> list[DrillFault]:
    """One fault of each kind a service, in slots of their own between the two instants."""
    rng = np.random.default_rng(seed)
    slot = (end_at - start_at) / len(KINDS)
    room = (slot - LASTS - AFTERMATH).total_seconds()
    return [
        DrillFault(service, KINDS[kind], start_at + place * slot + _seconds(rng.uniform(0, room)))
        for service in sorted(services)
        for place, kind in enumerate(rng.permutation(len(KINDS)))
    ]


def _seconds(length: float) -> timedelta:
    return timedelta(seconds=round(length))


def inject(observations: pl.DataFrame, faults: Iterable[DrillFault]) -> pl.DataFrame:
    """A copy of the observations (with `service` and `metric`) in which the faults happened."""
    frame = observations
    for fault in faults:
        during = (
            (pl.col("service") == fault.service)
            & (pl.col("window_start") >= fault.start_at)
            & (pl.col("window_start") < fault.end_at)
        )
        hit = during & (pl.col("metric") == _METRIC[fault.kind])
        match fault.kind:
            case "latency_step":
                changed = {"value": pl.col("value") * LATENCY_TIMES}
            case "error_burst":
                changed = {"value": pl.min_horizontal(pl.col("value") + ERRORS_ADDED, 1.0)}
            case _:
                hit, none = during, pl.lit(None, pl.Float64)
                silent = pl.when(pl.col("metric") == "request_rate").then(0.0).otherwise(none)
                changed = {"value": silent, "weight": pl.lit(0.0)}
        frame = frame.with_columns(
            pl.when(hit).then(to).otherwise(pl.col(name)).alias(name)
            for name, to in changed.items()
        )
    return frame


def run_drill(
    observations: pl.DataFrame,
    faults: list[DrillFault],
    rules: IncidentRules,
    window_s: int,
    settings: DetectorSettings | None = None,
) -> list[ServiceDrill]:
    """What would have been told of each service's faults.

    `observations` have series_id, metric, window_start, value, weight and the key columns; those
    before the first fault are what the detector learns from.
    """
    shadow = inject(observations, faults).sort("window_start", "series_id")
    decided = _decide(shadow, settings)
    begin = min(fault.start_at for fault in faults)
    results = []
    for service in sorted({fault.service for fault in faults}):
        mine = [fault for fault in faults if fault.service == service]
        rows = decided.filter(pl.col("service") == service)
        results.append(_judge(service, mine, _pages(rows, rules, window_s), begin))
    return results


def _decide(shadow: pl.DataFrame, settings: DetectorSettings | None) -> pl.DataFrame:
    kinds = shadow["metric"].replace_strict(_KIND, default=MetricKind.GENERIC, return_dtype=pl.Int8)
    decisions = OnlineDetector(settings).update(
        Observations(
            shadow["series_id"].to_numpy(),
            shadow["window_start"].dt.epoch("us").to_numpy() / 1e6,
            shadow["value"].fill_null(np.nan).to_numpy(),
            shadow["weight"].to_numpy(),
            kinds.to_numpy(),
        )
    )
    names = ("expected", "lower", "upper", "p", "flagged")
    columns = [pl.Series(name, getattr(decisions, name)).fill_nan(None) for name in names[:4]]
    flagged = pl.Series("flagged", decisions.flagged)
    traces = pl.lit(None, pl.List(pl.String)).alias("worst_traces")
    return shadow.rename({"value": "actual"}).with_columns(*columns, flagged, traces)


def _pages(rows: pl.DataFrame, rules: IncidentRules, window_s: int) -> list[datetime]:
    """When somebody would have been told of a new incident."""
    tracker = IncidentTracker("drill", rules, window_s)
    length = timedelta(seconds=window_s)
    return [
        incident.updated_at + length
        for action, incident in tracker.update(rows)
        if action in (OPENED, REOPENED)
    ]


def _judge(
    service: str, faults: list[DrillFault], pages: list[datetime], begin: datetime
) -> ServiceDrill:
    hits: dict[str, list[datetime]] = {
        fault.kind: [at for at in pages if fault.start_at <= at <= fault.end_at + AFTERMATH]
        for fault in faults
    }
    right = {at for found in hits.values() for at in found}
    delays: list[Any] = [
        (hits[fault.kind][0] - fault.start_at).total_seconds()
        for fault in faults
        if hits[fault.kind]
    ]
    return ServiceDrill(
        service=service,
        faults=len(faults),
        found=len(delays),
        missed=tuple(fault.kind for fault in faults if not hits[fault.kind]),
        delay_s=median(delays) if delays else None,
        false_alarms=sum(at >= begin and at not in right for at in pages),
    )
