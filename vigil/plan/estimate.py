"""From a rehearsal to a plan: what was measured, stretched to a month and to the whole estate.

Counts grow with time and with the number of routes; what is assumed and not measured is named in
the notes. All sizes are in MiB, rates a day or a week.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from vigil.config import Settings
from vigil.plan.rehearsal import Rehearsal
from vigil.plan.sparse import Sparse, sparse_series
from vigil.plan.warmup import SeriesWarmth
from vigil.stores.score_blocks import BLOCK

DAY_S, WEEK_S, MIB = 86_400.0, 604_800.0, float(1 << 20)
# The detector knows the hours of a day after one, the training set needs two.
PROFILE = timedelta(days=1)
MODEL = timedelta(days=2)
# Not measured here; the notes say so.
COMPRESSED_AFTER_DAYS, COMPRESSED_TO = 7, 0.1
DOCUMENT_BYTES = 200
# A live scorer takes so many steps a second at most, and none without a record.
STEPS_PER_S = 5.0
# State in memory: the arrays, the checkpoint being packed, and its copy on the way to the database.
STATE_COPIES = 3
# Fewer hours than this say little about alerts.
LEAST_ALERT_H = 6.0


@dataclass(frozen=True, slots=True)
class Storage:
    """One part of what is stored: rows a day, MiB after the planned days."""

    part: str
    rows_a_day: float
    mib: float


@dataclass(frozen=True, slots=True)
class WarmUp:
    """When series of one metric may be flagged (the middle one, the last), know the hours of the
    day, and can have a model; None for never.
    """

    metric: str
    series: int
    flags_from: datetime
    last_flags_from: datetime | None
    day_profile_from: datetime
    model_from: datetime


@dataclass(frozen=True, slots=True)
class Alerts:
    """Incidents and pages a week, with a 90 % interval (Poisson); hours that were judged."""

    judged_h: float
    incidents_a_week: float
    incidents_low: float
    incidents_high: float
    pages_a_week: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that `vigil plan` says.

    Cores are averages: `scorer_cores` of the records alone, as when catching up; `…_most` with
    every step that a live scorer may take, however little is in it.
    """

    days: int
    times: float
    series: int
    events_per_s: float
    scorer_mib: float
    scorer_cores: float
    scorer_cores_most: float
    database_cores: float
    storage: tuple[Storage, ...]
    timescale_mib: float
    elasticsearch_mib: float
    log_mib_a_day: float
    warm_up: tuple[WarmUp, ...]
    alerts: Alerts
    sparse: tuple[Sparse, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def database_mib(self) -> float:
        """PostgreSQL without compression after the planned days."""
        return sum(part.mib for part in self.storage)


def plan_of(
    found: Rehearsal, settings: Settings, from_at: datetime, days: int = 30, times: float = 1.0
) -> Plan:
    """The plan for an estate with `times` the routes and traffic of the sample, `days` long.

    `from_at`: when it is switched on.
    """
    per_day = DAY_S / found.span_s * times
    storage = _storage(found, settings, per_day, days)
    windows = sum(part.mib for part in storage if part.part.endswith("windows"))
    young = min(days, COMPRESSED_AFTER_DAYS) / days
    events_per_s = found.counters["accepted"] / found.span_s * times
    cores = found.scorer_cpu_s / found.span_s * times
    decisions_a_day = found.tables["scores"].rows * per_day
    return Plan(
        days=days,
        times=times,
        series=round(len(found.series) * times),
        events_per_s=events_per_s,
        scorer_mib=found.scorer_peak_mib + (times - 1) * STATE_COPIES * found.state_bytes / MIB,
        scorer_cores=cores,
        scorer_cores_most=cores + min(STEPS_PER_S, events_per_s) * found.step_cpu_s * times,
        database_cores=found.database_cpu_s / found.span_s * times,
        storage=storage,
        timescale_mib=sum(part.mib for part in storage)
        - windows * (1 - young) * (1 - COMPRESSED_TO),
        elasticsearch_mib=decisions_a_day * days * DOCUMENT_BYTES / MIB,
        log_mib_a_day=found.log_bytes * per_day / MIB,
        warm_up=tuple(_warm_up(found.series, from_at)),
        alerts=_alerts(found, times),
        sparse=sparse_series(found.series),
        notes=tuple(_notes(found, settings, days, times)),
    )


def _storage(
    found: Rehearsal, settings: Settings, per_day: float, days: int
) -> tuple[Storage, ...]:
    kept = min(days, settings.ledger_days)
    # Decisions wait as rows until their block of hours is complete.
    hot_days = min(days, settings.ledger_hot_h / 24 + BLOCK.total_seconds() / 2 / DAY_S)
    stay: Mapping[str, float] = {
        "request_windows": days, "metric_windows": days, "scores": hot_days, "flagged": kept,
        "score_blocks": max(kept - hot_days, 0.0), "attributions": kept, "service_edges": kept,
        "journey_minutes": kept,
        "late_events": days, "incidents": days, "alerts": days,
    }  # fmt: skip
    rows = []
    for part, lasting in stay.items():
        cost = found.tables[part]
        if cost.rows:
            mib = cost.rows * per_day * lasting * cost.bytes_per_row / MIB
            rows.append(Storage(part, cost.rows * per_day, mib))
    return tuple(rows)


def _warm_up(series: tuple[SeriesWarmth, ...], from_at: datetime) -> list[WarmUp]:
    metrics = sorted({item.metric for item in series})
    found = []
    for metric in metrics:
        waits_s = sorted(item.warm_s for item in series if item.metric == metric)
        ready = [wait_s for wait_s in waits_s if wait_s != float("inf")]
        if not ready:
            continue
        last = from_at + timedelta(seconds=ready[-1]) if len(ready) == len(waits_s) else None
        first = from_at + timedelta(seconds=ready[len(ready) // 2])
        found.append(WarmUp(metric, len(waits_s), first, last, from_at + PROFILE, from_at + MODEL))
    return found


def _alerts(found: Rehearsal, times: float) -> Alerts:
    """Incidents after the middle series is warm; the interval is that of Garwood, 1936."""
    from scipy.stats import chi2

    waits_s = sorted(item.warm_s for item in found.series)
    judged_s = max(found.span_s - waits_s[len(waits_s) // 2], 1.0)
    week = WEEK_S / judged_s * times
    opened = len(found.replayed.documents)
    return Alerts(
        judged_h=judged_s / 3600,
        incidents_a_week=opened * week,
        incidents_low=float(chi2.ppf(0.05, 2 * opened)) / 2 * week if opened else 0.0,
        incidents_high=float(chi2.ppf(0.95, 2 * opened + 2)) / 2 * week,
        pages_a_week=len(found.replayed.pages) * week,
    )


def _notes(found: Rehearsal, settings: Settings, days: int, times: float) -> list[str]:
    hours = found.span_s / 3600
    notes = [
        f"the sample covers {hours:.1f} h; other hours are taken to be like these"
        + ("" if hours >= 24 else ", so take a whole day where traffic follows the clock")
    ]
    if hours < LEAST_ALERT_H:
        notes.append(f"alerts of {hours:.1f} h say little: take {LEAST_ALERT_H:.0f} h or more")
    if times != 1:
        notes.append(f"all is stretched {times:g} times: a sample of the whole says it better")
    if not found.tables["score_blocks"].rows:
        notes.append("packed decisions are not counted: a block of 4 h never filled in the sample")
    notes.append(
        f"assumed, not measured: TimescaleDB compresses windows to {COMPRESSED_TO:.0%} after"
        f" {COMPRESSED_AFTER_DAYS} days, Elasticsearch needs {DOCUMENT_BYTES} bytes a decision"
    )
    if days > settings.ledger_days:
        notes.append(f"decisions older than {settings.ledger_days} days are forgotten")
    if found.counters["dead"]:
        notes.append(f"{found.counters['dead']} records of the sample were dead letters")
    if found.counters["late"]:
        notes.append(f"{found.counters['late']} records of the sample came too late for a window")
    return notes


def document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON can hold it, numbers rounded to what they can stand for."""

    def shown(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shown(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [shown(item) for item in value]
        if isinstance(value, float):
            return float(f"{value:.4g}")
        return value.isoformat(timespec="minutes") if isinstance(value, datetime) else value

    return shown(asdict(plan)) | {"database_mib": float(f"{plan.database_mib:.4g}")}
