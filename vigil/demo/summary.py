"""What the demo found: figures for the table, from the database and the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import sqlalchemy as sa

from vigil.bench.faults import FaultReport, judge_faults
from vigil.bench.measures import AlertCounts, count_alerts
from vigil.collect.series_csv import read_series
from vigil.demo.plan import WINDOW_S, DemoPlan
from vigil.events.schema import TOPIC_EVENTS
from vigil.simulate import read_labels
from vigil.stores.checkpoint import CONSUMER, CheckpointStore
from vigil.stores.registry import Registry
from vigil.stores.sinks import EmbeddedSink
from vigil.stores.timescale import WindowStore

_EVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Summary:
    """`facts` in the order of the table; `labelled` is None without the dataset."""

    facts: dict[str, Any]
    faults: FaultReport
    alerts: list[dict[str, Any]]
    labelled: AlertCounts | None


def summarise(plan: DemoPlan, engine: sa.Engine) -> Summary:
    """Compare alerts with the labels file, and flags with the dataset's labels."""
    store = WindowStore(engine)
    alerts = EmbeddedSink(engine).alerts(*_EVER, limit=100_000)
    requests = [alert for alert in alerts if alert["stream"] == TOPIC_EVENTS]
    faults = judge_faults(read_labels(plan.labels_path), requests, WINDOW_S)
    labelled = _labelled_series(plan, store)
    checkpoint = CheckpointStore(engine, CONSUMER).position()
    registry = Registry(engine, plan.settings.registry_path)
    champion = registry.champion()
    assert checkpoint is not None
    assert champion is not None
    manifest = next(b.manifest for b in registry.bundles() if b.bundle_id == champion.bundle_id)
    delay = faults.median_delay_s
    counters = checkpoint.counters
    facts: dict[str, Any] = {
        "events in": f"{counters['read']:,} ({counters['dead']} to the dead letters)",
        "windows": f"{counters['windows']:,}",
        "series": f"{store.series().height:,}",
        "models tried": len({row["candidate"] for row in manifest["backtest"]["standings"]}),
        "champion": ", ".join(
            f"{model['name']} for {group}" for group, model in manifest["models"].items()
        ),
        "backtest MASE": f"{manifest['backtest']['mase']:.3f} (seasonal naive: {_naive(manifest)})",
        "injected faults found": f"{faults.found} of {len(faults.outcomes)}",
        "median delay of detection": "–" if delay is None else f"{delay / 60:.1f} min",
        "false alarms": f"{len(faults.false_incident_ids)} in {_days(plan)} days",
    }
    if labelled is not None:
        facts["labelled incidents found"] = (
            f"{labelled.segments_found} of {labelled.segments}, "
            f"{labelled.alerts_right} of {labelled.alerts} alerts right"
        )
    return Summary(facts, faults, alerts, labelled)


def _naive(manifest: Mapping[str, Any]) -> str:
    scores = [
        row["score"]
        for row in manifest["backtest"]["standings"]
        if row["candidate"] == "seasonal_naive" and row["score"] is not None
    ]
    return f"{np.mean(scores):.3f}" if scores else "–"


def _days(plan: DemoPlan) -> int:
    return round(plan.simulation.duration_s / 86_400)


def _labelled_series(plan: DemoPlan, store: WindowStore) -> AlertCounts | None:
    """Flags of the stream against the dataset's labels; the first quarter is warm-up."""
    folder = plan.settings.datasets / "cloud-monitoring" / "data"
    files = sorted(folder.glob("*/*.csv"))
    if not files:
        return None
    names = store.series().select("series_id", "service", "metric")
    flags = store.scores(*_EVER, only_flagged=True).join(names, on="series_id")
    counts = AlertCounts()
    for path in files:
        labels = pd.read_csv(path).iloc[:, 2].astype(int).to_numpy().astype(bool)
        mine = flags.filter(service=path.parent.name, metric=path.stem)
        at_s = mine["window_start"].dt.epoch("us").to_numpy() / 1e6
        row_s = read_series(path).time_s // WINDOW_S * WINDOW_S
        start = len(labels) // 4
        counts += count_alerts(labels[start:], np.isin(row_s, at_s)[start:])
    return counts


def series_scores(
    store: WindowStore, series_id: int, start: datetime, end: datetime
) -> pl.DataFrame:
    """The decisions on one series, the last revision of each window, by time."""
    scores = store.scores(start, end).filter(pl.col("series_id") == series_id)
    return scores.sort("revision").unique("window_start", keep="last").sort("window_start")
