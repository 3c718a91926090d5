"""From a rehearsal to a plan: what was measured, stretched to a month and to the whole estate.

Counts grow with time and with the number of routes; what is assumed and not measured is named in
the notes. All sizes are in MiB, rates a day or a week.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from vigil.config import Settings
from vigil.plan.rehearsal import Rehearsal
from vigil.plan.sparse import Sparse, sparse_series
from vigil.plan.tables import ROLLUPS, TableCost
from vigil.plan.warmup import SeriesWarmth
from vigil.stores.score_blocks import BLOCK
from vigil.stream.intake import BYTES_AHEAD, POLL_S

DAY_S, WEEK_S, MIB = 86_400.0, 604_800.0, float(1 << 20)
# The detector knows the hours of a day after one, the training set needs two.
PROFILE = timedelta(days=1)
MODEL = timedelta(days=2)
HOUR = timedelta(hours=1)
# Not measured here; the notes say so. The sizes of documents are those of Elasticsearch 8.19, one
# shard without replicas.
COMPRESSED_AFTER_DAYS, COMPRESSED_TO = 7, 0.1
DOCUMENT_BYTES = {"scores": 250, "service_edges": 140, "alerts": 6_000}
DOCUMENT_DAYS = {"scores": 90, "service_edges": 90, "alerts": 400}
# State in memory: the arrays, the checkpoint being packed, and its copy on the way to the database.
STATE_COPIES = 3
# Memory is also told for catching up after an outage of so long.
OUTAGE_S = DAY_S
# A worker is to be busy for so much of its time in the busiest hour: traffic within it goes up and
# down too.
WORKER_BUSY = 0.7
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
class Processes:
    """How the busiest hour is carried: by one process where `workers` is 0, else by so many workers
    and a scorer that gathers.

    Cores of one process that does everything, of all workers together, and of the gathering scorer.
    """

    busiest: float
    workers: int
    one_process_cores: float
    worker_cores: float
    gathering_cores: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that `vigil plan` says.

    Memory is the scorer's: live, and at its peak when it catches up after a day's outage. Cores are
    averages, live: `…_cores` where producers send about once a second, `…_most` where each record
    comes in a message of its own.
    """

    days: int
    times: float
    series: int
    events_per_s: float
    scorer_mib: float
    catch_up_mib: float
    scorer_cores: float
    scorer_cores_most: float
    database_cores: float
    database_cores_most: float
    processes: Processes
    storage: tuple[Storage, ...]
    timescale_mib: float
    documents: tuple[Storage, ...]
    log_mib_a_day: float
    warm_up: tuple[WarmUp, ...]
    alerts: Alerts
    sparse: tuple[Sparse, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def database_mib(self) -> float:
        """PostgreSQL without compression after the planned days."""
        return sum(part.mib for part in self.storage)

    @property
    def elasticsearch_mib(self) -> float:
        """Elasticsearch without replicas after the planned days."""
        return sum(part.mib for part in self.documents)


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
    scorer, database = scorer_cores(found, settings, times), database_cores(found, settings, times)
    return Plan(
        days=days,
        times=times,
        series=round(len(found.series) * times),
        events_per_s=events_per_s,
        scorer_mib=found.live.mib + (times - 1) * STATE_COPIES * found.state_bytes / MIB,
        catch_up_mib=_catch_up_mib(found, times),
        scorer_cores=scorer.at(min(1.0, events_per_s)),
        scorer_cores_most=scorer.at(steps_per_s(events_per_s)),
        database_cores=database.at(min(1.0, events_per_s)),
        database_cores_most=database.at(steps_per_s(events_per_s)),
        processes=processes(found, scorer, times),
        storage=storage,
        timescale_mib=sum(part.mib for part in storage)
        - windows * (1 - young) * (1 - COMPRESSED_TO)
        + sum(_mib(found.tables[part], per_day * days) for part in ROLLUPS),
        documents=tuple(_documents(found, per_day, days)),
        log_mib_a_day=found.log_bytes * per_day / MIB,
        warm_up=tuple(_warm_up(found.series, from_at)),
        alerts=_alerts(found, times),
        sparse=sparse_series(found.series),
        notes=tuple(_notes(found, settings, days, times)),
    )


@dataclass(frozen=True, slots=True)
class Cores:
    """CPU seconds a second for the records and for the ends of windows, and CPU seconds a step."""

    records: float
    windows: float
    step_s: float

    def at(self, steps_per_s: float) -> float:
        """Cores on average with so many steps a second."""
        return self.records + self.windows + steps_per_s * self.step_s


def scorer_cores(found: Rehearsal, settings: Settings, times: float = 1.0) -> Cores:
    """What a live scorer of `times` the sample takes; the end of a window grows with its series."""
    live = found.live
    records = found.scorer_cpu_s / found.span_s
    return _cores(records, live.window_cpu_s / settings.window_s, live.step_cpu_s, times)


def database_cores(found: Rehearsal, settings: Settings, times: float = 1.0) -> Cores:
    """The same of the database."""
    live = found.live
    records = found.database_cpu_s / found.span_s
    return _cores(
        records, live.database_window_cpu_s / settings.window_s, live.database_step_cpu_s, times
    )


def _cores(records: float, whole_windows: float, step_s: float, times: float) -> Cores:
    """The windows that were given live had their records in them, which are not to count twice."""
    return Cores(records * times, max(whole_windows - records, 0.0) * times, step_s)


def processes(found: Rehearsal, scorer: Cores, times: float = 1.0) -> Processes:
    """Workers are needed where one process would take more than a core in the busiest hour.

    They take the records' decoding and folding; the scorer keeps the rest. A step a second.
    """
    busiest = replace(scorer, records=scorer.records * found.busiest)
    one = busiest.at(1.0)
    folding = min(found.folding_cpu_s / found.span_s * times * found.busiest, busiest.records)
    return Processes(
        busiest=found.busiest,
        workers=math.ceil(folding / WORKER_BUSY) if one > 1 else 0,
        one_process_cores=one,
        worker_cores=folding,
        gathering_cores=one - folding,
    )


def steps_per_s(messages_per_s: float) -> float:
    """Steps a second of a live scorer when messages come at random: it looks every `POLL_S`.

    >>> round(steps_per_s(1.0), 2), round(steps_per_s(1_000.0), 1)
    (0.98, 20.0)
    """
    return -math.expm1(-messages_per_s * POLL_S) / POLL_S


def _catch_up_mib(found: Rehearsal, times: float) -> float:
    """The scorer's peak after an outage of a day.

    What is taken in one step grows with the backlog until the intake reads no further ahead.
    """
    live_mib = found.live.mib + (times - 1) * STATE_COPIES * found.state_bytes / MIB
    full_s = BYTES_AHEAD * found.span_s / found.log_bytes
    a_second = max(found.catch_up_mib - found.live.mib, 0.0) / min(found.span_s, full_s)
    return live_mib + a_second * times * min(OUTAGE_S, full_s / times)


def _documents(found: Rehearsal, per_day: float, days: int) -> list[Storage]:
    """Documents in Elasticsearch after the planned days."""
    return [
        Storage(part, rows, rows * min(days, DOCUMENT_DAYS[part]) * DOCUMENT_BYTES[part] / MIB)
        for part in DOCUMENT_BYTES
        if (rows := found.tables[part].rows * per_day)
    ]


def _storage(
    found: Rehearsal, settings: Settings, per_day: float, days: int
) -> tuple[Storage, ...]:
    kept = min(days, settings.ledger_days)
    # Decisions wait as rows until their block of hours is complete.
    hot_days = min(days, settings.ledger_hot_h / 24 + BLOCK.total_seconds() / 2 / DAY_S)
    stay: Mapping[str, float] = {
        "request_windows": days, "metric_windows": days, "scores": hot_days, "flagged": kept,
        "score_blocks": max(kept - hot_days, 0.0), "attributions": kept, "service_edges": kept,
        "journey_minutes": kept, "log_lines": min(days, settings.log_days),
        "late_events": days, "incidents": days, "alerts": days,
    }  # fmt: skip
    rows = []
    for part, lasting in stay.items():
        cost = found.tables[part]
        if cost.rows:
            rows.append(Storage(part, cost.rows * per_day, _mib(cost, per_day * lasting)))
    return tuple(rows)


def _mib(cost: TableCost, samples: float) -> float:
    """Of so many times the sample's rows."""
    return cost.rows * samples * cost.bytes_per_row / MIB


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
    """Incidents after the middle series is warm.

    The interval is that of Garwood (1936) for a Poisson count, as wide as the hours scatter:
    incidents come in clusters, so there are fewer independent ones than are counted.
    """
    from scipy.stats import chi2

    waits_s = sorted(item.warm_s for item in found.series)
    judged_s = max(found.span_s - waits_s[len(waits_s) // 2], 1.0)
    week = WEEK_S / judged_s * times
    opened = len(found.replayed.documents)
    cluster = _clustering(found)
    own = opened / cluster
    return Alerts(
        judged_h=judged_s / 3600,
        incidents_a_week=opened * week,
        incidents_low=float(chi2.ppf(0.05, 2 * own)) / 2 * cluster * week if opened else 0.0,
        incidents_high=float(chi2.ppf(0.95, 2 * own + 2)) / 2 * cluster * week,
        pages_a_week=len(found.replayed.pages) * week,
    )


def _clustering(found: Rehearsal) -> float:
    """Variance over mean of the incidents of an hour, at least 1, that of independent ones."""
    hours = [
        int((datetime.fromisoformat(incident["opened_at"]) - found.start_at) / HOUR)
        for incident in found.replayed.documents.values()
    ]
    counts = np.bincount(hours, minlength=max(2, int(found.span_s // 3600)))
    return max(1.0, float(counts.var() / max(counts.mean(), 1e-9)))


def _notes(found: Rehearsal, settings: Settings, days: int, times: float) -> list[str]:
    hours = found.span_s / 3600
    notes = [
        f"the sample covers {hours:.1f} h; other hours are taken to be like these"
        + ("" if hours >= 24 else ", so take a whole day where traffic follows the clock")
    ]
    if hours < LEAST_ALERT_H:
        notes.append(f"alerts of {hours:.1f} h say little: take {LEAST_ALERT_H:.0f} h or more")
    needed = processes(found, scorer_cores(found, settings, times), times)
    if needed.workers and needed.gathering_cores > 1:
        notes.append(
            "workers do not take enough: the scorer that gathers needs"
            f" {needed.gathering_cores:.1f} cores of its own; longer windows divide that, Flink"
            " shares it out (docs/scale.md)"
        )
    if times != 1:
        notes.append(f"all is stretched {times:g} times: a sample of the whole says it better")
    if not found.tables["score_blocks"].rows:
        notes.append("packed decisions are not counted: a block of 4 h never filled in the sample")
    notes.append(
        f"assumed, not measured: TimescaleDB compresses windows to {COMPRESSED_TO:.0%} after"
        f" {COMPRESSED_AFTER_DAYS} days, Elasticsearch needs {DOCUMENT_BYTES['scores']} bytes a"
        " decision and shard"
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

    totals = {"database_mib": plan.database_mib, "elasticsearch_mib": plan.elasticsearch_mib}
    return shown(asdict(plan) | totals)
