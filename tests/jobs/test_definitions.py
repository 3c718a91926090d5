"""The workbench in Dagster: loads in silence, holds the arrows, runs for real."""

import subprocess
import sys
import warnings
from datetime import UTC, datetime, timedelta

import dagster as dg
import numpy as np
import polars as pl
import pytest

from assets.resources import VigilResource
from vigil.config import ROOT
from vigil.events.schema import KEY_COLUMNS, stable_id
from vigil.stores.bundle import BundleArrays
from vigil.stores.database import copy_frame, open_database
from vigil.stores.registry import Registry

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTES = 2 * 1440 + 720


def test_the_code_location_loads_without_a_warning():
    """Warnings as errors, in a process of its own."""
    code = "import jobs.definitions as d; d.defs.resolve_all_job_defs()"
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-W", "always::FutureWarning", "-c", code],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr


def test_assets_stand_in_their_groups():
    """From the log's snapshot to the champion."""
    from jobs.definitions import defs

    groups: dict[str, set[str]] = {}
    for spec in defs.resolve_all_asset_specs():
        groups.setdefault(spec.group_name or "", set()).add(spec.key.to_user_string())
    assert groups == {
        "snapshots": {"event_log_snapshot", "observations"},
        "features": {"features"},
        "forecasts": {"forecasts", "outlook"},
        "training": {"training_set", "backtests"},
        "models": {"challenger", "champion", "score_review"},
        "drills": {"fault_drill"},
    }


def test_every_asset_is_described_owned_and_of_a_kind():
    """Somebody who meets it in the catalogue knows what it is and whom to ask."""
    from jobs.definitions import defs

    for spec in defs.resolve_all_asset_specs():
        assert len(spec.description or "") > 30, spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key


@pytest.fixture
def filled(store_settings, monkeypatch):
    """A database with two and a half days of request windows of two routes."""
    monkeypatch.setenv("VIGIL_HOME", str(store_settings.home))
    monkeypatch.setenv("VIGIL_STORE_URL", store_settings.store_url)
    engine = open_database(store_settings)
    rng = np.random.default_rng(1)
    minute = np.arange(MINUTES)
    with engine.begin() as connection:
        for number in (1, 2):
            names = [None, "onprem", None, None, f"service-{number}", "/", "GET"]
            key = pl.DataFrame([[number, *names]], schema=["key_id", *KEY_COLUMNS], orient="row")
            copy_frame(connection, key, "keys")
            metrics = ("request_rate", "error_ratio", "latency_ms_p95")
            series = [(stable_id([*names, metric]), number, metric) for metric in metrics]
            schema = ["series_id", "key_id", "metric"]
            copy_frame(connection, pl.DataFrame(series, schema=schema, orient="row"), "series")
            mean = number * 100 * (1 + 0.5 * np.sin(2 * np.pi * minute / 1440))
            requests = rng.poisson(mean)
            latency = 50 * number * np.exp(rng.normal(0, 0.1, MINUTES))
            windows = pl.DataFrame(
                {
                    "key_id": number,
                    "window_start": [START + timedelta(minutes=int(m)) for m in minute],
                    "window_s": 60, "revision": 0, "requests": requests,
                    "errors": rng.binomial(requests, 0.01),
                    "duration_ms_sum": requests * latency, "duration_ms_max": latency * 2,
                    "latency_ms_p50": latency / 2, "latency_ms_p95": latency,
                    "latency_ms_p99": latency, "request_bytes": 0, "response_bytes": 0,
                    "sketch_buckets": [[1]] * MINUTES, "sketch_counts": [[1]] * MINUTES,
                    "worst_traces": [["a"]] * MINUTES,
                }
            )  # fmt: skip
            copy_frame(connection, windows, "request_windows")
    yield Registry(engine, store_settings.registry_path)
    engine.dispose()


def test_the_pipeline_runs_from_windows_to_the_champion(filled):
    """Each job is a real run; the sensor's request promotes; checks pass."""
    from jobs.definitions import defs
    from jobs.launch import partition_range, run

    hour, day, end = timedelta(hours=1), timedelta(days=1), START + timedelta(days=2.5)
    config = {"start": START.isoformat(), "end": end.isoformat(), "series_per_group": 1, "folds": 1}
    names = ("training_set", "backtests", "challenger")
    with dg.DagsterInstance.ephemeral() as instance, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hours = partition_range(START, end, "%Y-%m-%d-%H:%M", hour)
        assert run(instance, "take_snapshots", None, hours)
        days = partition_range(START, START + 3 * day, "%Y-%m-%d", day)
        assert run(instance, "build_features", None, days)
        for number in (1, 2):
            days = partition_range(
                START + number * day, START + (number + 1) * day, "%Y-%m-%d", day
            )
            assert run(instance, "forecast", None, days)
        assert run(instance, "train", {"ops": {name: {"config": config} for name in names}})
        sensor = defs.resolve_sensor_def("promote_better_challenger")
        resources = {"vigil": VigilResource()}
        context = dg.build_sensor_context(instance=instance, resources=resources)
        [request] = sensor.evaluate_tick(context).run_requests
        assert run(instance, "promote", dict(request.run_config))
        assert run(instance, "review")
        made = instance.get_latest_materialization_event(dg.AssetKey("challenger"))
        judged = instance.get_latest_materialization_event(dg.AssetKey("forecasts"))
    champion = filled.champion()
    assert champion is not None
    assert champion.bundle_id == request.run_key
    assert made is not None
    metadata = made.asset_materialization.metadata
    assert metadata["bundle_id"].value == champion.bundle_id
    assert judged is not None
    # Half a day of six series has come since the night before.
    assert judged.asset_materialization.metadata["last_night_compared"].value == 6 * 12
    assert "data:image/png;base64" in metadata["plot"].value


def test_checks_speak_of_the_data(filled):
    """Complete and of the right shape after a snapshot; without one they fail with the reason."""
    from assets.checks import observations_complete, observations_schema
    from jobs.launch import partition_range, run

    vigil = VigilResource()
    assert not observations_schema(vigil).passed
    with dg.DagsterInstance.ephemeral() as instance, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        end = START + timedelta(hours=5)
        tags = partition_range(START, end, "%Y-%m-%d-%H:%M", timedelta(hours=1))
        assert run(instance, "take_snapshots", None, tags)
    assert observations_schema(vigil).passed
    complete = observations_complete(vigil)
    assert complete.passed
    assert complete.metadata["complete"].value == pytest.approx(1.0)


def bundle(registry: Registry, name: str, mase: float) -> None:
    """An empty bundle with a backtest score."""
    empty = np.empty((0, 1), np.float32)
    column = np.empty(0)
    arrays = BundleArrays(
        np.empty(0, np.int64), column, column, empty, empty, column, column, empty
    )
    registry.add({"bundle_id": name, "backtest": {"mase": mase}}, arrays)


def test_the_sensor_promotes_only_what_is_better(filled):
    """Case by case: none, first, worse, slightly better, better, seen before."""
    from sensors.promotion import consider

    assert consider(filled, None) == (None, None, "no new bundle")
    bundle(filled, "a", 0.9)
    assert consider(filled, None) == ("a", "a", "first bundle, MASE 0.900")
    assert consider(filled, "a") == (None, "a", "no new bundle")
    filled.promote("a", "test")
    for name, mase, wins in (("b", 0.95, False), ("c", 0.899, False), ("d", 0.8, True)):
        bundle(filled, name, mase)
        chosen, cursor, reason = consider(filled, "a")
        assert cursor == name
        assert (chosen == name) is wins, reason
    assert consider(filled, "c")[2] == "MASE 0.800 beats 0.900"
