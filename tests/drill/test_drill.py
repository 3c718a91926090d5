"""Fault drills: they notice what can be noticed, say what cannot, and page nobody by themselves."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa

from vigil.alerts.channels import Note
from vigil.alerts.delivery import Outbox
from vigil.alerts.policy import parse_policy
from vigil.drill.record import NothingToDrill, drill
from vigil.drill.shadow import KINDS, inject, plan_drill, run_drill
from vigil.events.schema import KEY_COLUMNS, stable_id
from vigil.features.observations import SCORED_METRICS
from vigil.incidents.rules import IncidentRules
from vigil.stores.database import copy_frame

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 4


def observations(requests: float, service: str = "orders", seed: int = 1) -> pl.DataFrame:
    """Days of one route, a window a minute."""
    rng = np.random.default_rng(seed)
    minutes = DAYS * 1440
    count = rng.poisson(requests, minutes).astype(float)
    some = np.maximum(count, 1)
    values = {
        "request_rate": count / 60,
        "error_ratio": np.where(count > 0, rng.binomial(count.astype(int), 0.002) / some, np.nan),
        "latency_ms_p95": np.where(
            count > 0, 80 * np.exp(rng.normal(0, 1, minutes) * 0.75 / np.sqrt(some)), np.nan
        ),
    }
    at = [START + timedelta(minutes=minute) for minute in range(minutes)]
    place = {"environment": "aws", "service": service, "route": "/", "method": "GET"}
    names = {name: pl.lit(place.get(name), pl.String) for name in KEY_COLUMNS}
    return pl.concat(
        pl.DataFrame(
            {
                "series_id": stable_id([service, metric]), "metric": metric, "window_start": at,
                "revision": pl.Series([0] * minutes, dtype=pl.Int32), "value": value,
                "weight": count,
            },
            schema_overrides={"window_start": pl.Datetime("us", "UTC")},
        ).with_columns(pl.col("value").fill_nan(None), **names)
        for metric, value in values.items()
    )  # fmt: skip


def plan(*services: str) -> list:
    """Faults of the last day."""
    end = START + timedelta(days=DAYS)
    return plan_drill(services, end - timedelta(days=1), end, seed=3)


def test_the_plan_is_seeded_and_has_each_kind_once_a_service_without_overlap():
    """The same seed gives the same faults."""
    faults = plan("a", "b")
    assert faults == plan("b", "a")
    for service in ("a", "b"):
        mine = sorted((f for f in faults if f.service == service), key=lambda f: f.start_at)
        assert {fault.kind for fault in mine} == set(KINDS)
        assert all(x.end_at < y.start_at for x, y in pairwise(mine))


def test_the_shadow_differs_from_the_truth_in_the_faults_only():
    """And the truth stays as it is."""
    truth = observations(200)
    before = truth.clone()
    [fault] = [item for item in plan("orders") if item.kind == "error_burst"]
    shadow = inject(truth, [fault])
    assert truth.equals(before)
    differs = (shadow["value"] != truth["value"]).fill_null(False)
    changed = shadow.filter(differs)
    assert set(changed["metric"]) == {"error_ratio"}
    assert changed["window_start"].min() >= fault.start_at
    assert changed["window_start"].max() < fault.end_at


def test_a_busy_service_is_seen_and_a_nearly_idle_one_is_a_blind_spot():
    """Recall, delay and false alarms for each."""
    both = pl.concat([observations(300, "busy"), observations(0.05, "idle", seed=2)])
    busy, idle = run_drill(both, plan("busy", "idle"), IncidentRules(), 60)
    assert (busy.service, busy.found, busy.false_alarms) == ("busy", 3, 0)
    assert busy.delay_s is not None
    assert 60 <= busy.delay_s < 1200
    assert busy.passed
    assert not idle.passed
    assert "error_burst" in idle.missed


@pytest.fixture
def filled(engine: sa.Engine) -> sa.Engine:
    """Windows of a busy and of a nearly idle service."""
    with engine.begin() as connection:
        for number, (service, requests) in enumerate({"busy": 300.0, "idle": 0.05}.items()):
            frame = observations(requests, service, seed=number)
            names = frame.select(KEY_COLUMNS).row(0)
            key = pl.DataFrame([(number, *names)], schema=["key_id", *KEY_COLUMNS], orient="row")
            copy_frame(connection, key, "keys")
            series = [(stable_id([service, m]), number, m) for m in SCORED_METRICS]
            schema = ["series_id", "key_id", "metric"]
            copy_frame(connection, pl.DataFrame(series, schema=schema, orient="row"), "series")
            by = {metric: rows for (metric,), rows in frame.group_by("metric")}
            count = by["request_rate"]["weight"].cast(pl.Int64)
            errors = by["error_ratio"].select(pl.col("value") * pl.col("weight")).to_series()
            windows = pl.DataFrame(
                {
                    "key_id": number, "window_start": by["request_rate"]["window_start"],
                    "window_s": 60, "revision": 0, "requests": count,
                    "errors": errors.fill_null(0).round().cast(pl.Int64), "duration_ms_sum": 0.0,
                    "latency_ms_p95": by["latency_ms_p95"]["value"], "request_bytes": 0,
                    "response_bytes": 0, "sketch_buckets": [[1]] * len(count),
                    "sketch_counts": [[1]] * len(count), "worst_traces": [["a"]] * len(count),
                }
            )  # fmt: skip
            copy_frame(connection, windows, "request_windows")
    return engine


class Ears:
    """A channel that remembers what was said."""

    def __init__(self):
        self.heard: list[dict] = []

    def send(self, note: Note) -> None:
        self.heard.append(dict(note.document))


def rows(engine: sa.Engine, table: str) -> list[str]:
    """All rows of a table, as text."""
    with engine.connect() as connection:
        query = sa.text(f"SELECT t::text FROM {table} t ORDER BY 1")
        return list(connection.execute(query).scalars())


def test_shadow_data_never_page_anybody(filled):
    """A drill full of faults leaves windows, decisions and pages as they were.

    All that people hear is that the idle service is a blind spot; a repetition says nothing new.
    """
    kept = ("request_windows", "metric_windows", "scores", "score_blocks", "attributions", "series")
    before = {table: rows(filled, table) for table in kept}
    results = drill(filled, IncidentRules(), 60, days=3, seed=0)
    assert [item.passed for item in results] == [True, False]
    assert {table: rows(filled, table) for table in kept} == before
    policy = parse_policy("channels: {x: {kind: terminal}}\nroute: {receivers: [x]}")
    ears = Ears()
    outbox = Outbox(filled, policy, {"x": ears})
    outbox.deliver()
    assert [item["title"] for item in ears.heard] == [
        "blind spot: faults of idle would go unnoticed"
    ]
    drill(filled, IncidentRules(), 60, days=3, seed=0)
    outbox.deliver()
    assert len(ears.heard) == 1
    assert len(rows(filled, "drills")) == 2
    assert all(item["stream"] == "vigil.drill" for item in ears.heard)


def test_a_blind_spot_is_resolved_by_the_first_drill_that_passes(filled):
    """Under the same id."""
    from dataclasses import replace

    from vigil.drill.record import record

    _, idle = drill(filled, IncidentRules(), 60, days=3, seed=0)
    seen = replace(idle, found=idle.faults, missed=())
    with filled.begin() as connection:
        record(connection, [seen], START + timedelta(days=DAYS + 1))
    [document] = rows(filled, "incidents")
    assert "resolved" in document
    assert len(rows(filled, "alerts")) == 2


def test_without_two_days_of_windows_there_is_nothing_to_drill(engine):
    """The asset fails with the reason."""
    with pytest.raises(NothingToDrill):
        drill(engine, IncidentRules(), 60, days=3, seed=0)
