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
from vigil.errors import ConfigError
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
        "models": {"challenger", "trial", "trial_verdict", "champion", "score_review"},
        "drills": {"fault_drill"},
    }


def test_every_asset_is_described_owned_and_of_a_kind():
    """Somebody who meets it in the catalogue knows what it is and whom to ask."""
    from jobs.definitions import defs

    for spec in defs.resolve_all_asset_specs():
        assert len(spec.description or "") > 30, spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key


def test_whoever_meets_a_job_a_schedule_or_a_sensor_reads_what_it_does():
    """In the catalogue, beside its name."""
    from jobs.definitions import defs

    repository = defs.get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    for item in (*jobs, *repository.sensor_defs, *repository.schedule_defs):
        assert len(item.description or "") > 20, item.name


def test_every_field_of_the_launchpad_has_a_description_and_all_but_ids_a_default():
    """Somebody who opens it can press the button."""
    from assets.champion import PromotionConfig
    from assets.drill import DrillConfig
    from assets.training import TrainingConfig
    from assets.trial import TrialConfig, VerdictConfig

    for config in (PromotionConfig, DrillConfig, TrainingConfig, TrialConfig, VerdictConfig):
        for name, field in config.model_fields.items():
            assert field.description, (config, name)
            assert not field.is_required() or name.endswith("_id"), (config, name)


def test_a_wrong_instant_in_the_launchpad_is_refused_with_the_rule():
    """Before anything runs."""
    from assets.training import TrainingConfig

    with pytest.raises(ValueError, match=r"ISO 8601 instant such as 2026-03-02.*got 'yesterday'"):
        TrainingConfig(start="yesterday")


def test_environments_differ_in_values_and_not_in_shape():
    """What runs in development has all that production has."""
    from assets.environments import ENVIRONMENTS

    shapes = [
        {name: type(resource) for name, resource in resources.items()}
        for resources in ENVIRONMENTS.values()
    ]
    assert len(shapes) == 3
    assert all(shape == shapes[0] for shape in shapes)


def test_outside_of_development_nothing_embedded_is_started(monkeypatch, tmp_path):
    """A forgotten address is an error, and so is an unknown environment."""
    from assets.environments import ENVIRONMENTS, environment_resources

    monkeypatch.setenv("VIGIL_HOME", str(tmp_path))
    monkeypatch.delenv("VIGIL_STORE_URL", raising=False)
    monkeypatch.setenv("VIGIL_LOG_URL", "kafka://127.0.0.1:1")
    with pytest.raises(ConfigError, match="VIGIL_STORE_URL must be set outside of development"):
        ENVIRONMENTS["production"]["vigil"].settings()
    monkeypatch.setenv("VIGIL_ENVIRONMENT", "prod")
    with pytest.raises(ConfigError, match="one of dev, staging, production, got 'prod'"):
        environment_resources()


def test_schedules_are_on_outside_of_development(monkeypatch):
    """On a laptop nothing runs by the clock until somebody switches it on."""
    from assets.environments import schedule_status

    monkeypatch.delenv("VIGIL_ENVIRONMENT", raising=False)
    assert schedule_status() is dg.DefaultScheduleStatus.STOPPED
    monkeypatch.setenv("VIGIL_ENVIRONMENT", "production")
    assert schedule_status() is dg.DefaultScheduleStatus.RUNNING


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
        checks = drift_said(instance)
        judged = instance.get_latest_materialization_event(dg.AssetKey("forecasts"))
    champion = filled.champion()
    assert champion is not None
    assert checks["data_drift"][0]
    assert checks["residual_drift"] == (True, "0 series to compare, at least 4 are needed")
    assert set(checks) == {"data_drift", "residual_drift", "calibration_drift"}
    assert champion.bundle_id == request.run_key
    assert made is not None
    metadata = made.asset_materialization.metadata
    assert metadata["bundle_id"].value == champion.bundle_id
    assert judged is not None
    # Half a day of six series has come since the night before.
    assert judged.asset_materialization.metadata["last_night_compared"].value == 6 * 12
    assert "data:image/png;base64" in metadata["plot"].value


def drift_said(instance: dg.DagsterInstance) -> dict[str, tuple[bool, str]]:
    """Check → (passed, words) of the last evaluation."""
    from assets.checks import DRIFT_CHECKS

    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(DRIFT_CHECKS)
    found = {key.name: record.evaluation for key, record in records.items()}
    return {
        name: (evaluation.passed, evaluation.metadata["drift"].value)
        for name, evaluation in found.items()
        if evaluation is not None
    }


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


def test_the_sensor_looks_at_each_new_bundle_once(filled):
    """Case by case: none, the first, seen before, the champion itself, a challenger."""
    from sensors.promotion import consider

    assert consider(filled, None).reason == "no new bundle"
    bundle(filled, "a", 0.9)
    first = consider(filled, None)
    assert (first.action, first.bundle_id, first.cursor) == ("promote", "a", "a")
    assert first.reason == "first bundle, MASE 0.900"
    assert consider(filled, "a").reason == "no new bundle"
    filled.promote("a", "test")
    assert consider(filled, None).reason == "a is champion already"
    bundle(filled, "b", 0.8)
    challenge = consider(filled, "a")
    assert (challenge.action, challenge.reason, challenge.cursor) == (
        "challenge", "b challenges a", "b",
    )  # fmt: skip
    assert challenge.request().job_name == "challenge"


def test_the_sensor_follows_a_trial_to_its_end(filled):
    """Waiting, promoted, on probation, kept; each request names the job that does it."""
    from sensors.promotion import consider

    for name, mase in (("a", 0.9), ("b", 0.8)):
        bundle(filled, name, mase)
    filled.promote("a", "test")
    trial = filled.trials.start("a", "b")
    waiting = consider(filled, None)
    assert waiting.reason == (
        "b in the shadow of a: MASE 0.800 beats 0.900; the replay of the past has not run yet"
    )
    filled.trials.set_replay(trial.trial_id, {"days": 14, "champion": 3, "challenger": 2})
    assert "0 of 6 h in the shadow" in consider(filled, None).reason
    in_shadow(filled, trial.trial_id, hours=6)
    won = consider(filled, None).request()
    assert (won.job_name, won.run_key) == ("promote", f"b of trial {trial.trial_id}")
    filled.promote("b", "won")
    probation = filled.trials.open()
    assert "0 of 24 h on probation" in consider(filled, None).reason
    in_shadow(filled, probation.trial_id, hours=24)
    kept = consider(filled, None).request()
    assert kept.job_name == "conclude"
    assert kept.run_config["ops"]["trial_verdict"]["config"]["verdict"] == "kept"


def test_a_champion_louder_than_the_former_one_is_rolled_back(filled):
    """The sensor asks for the job with the bundle in its shadow, and says how many pages."""
    from jobs.definitions import defs

    for name, mase in (("a", 0.9), ("b", 0.8)):
        bundle(filled, name, mase)
        filled.promote(name, "test")
    probation = filled.trials.open()
    sensor = defs.resolve_sensor_def("roll_back_broken_champion")

    def tick():
        context = dg.build_sensor_context(resources={"vigil": VigilResource()})
        return sensor.evaluate_tick(context)

    assert "0 of 24 h on probation" in tick().skip_message
    in_shadow(filled, probation.trial_id, hours=1, champion_pages=4)
    [request] = tick().run_requests
    config = request.run_config["ops"]["champion"]["config"]
    assert config["bundle_id"] == "a"
    assert config["reason"] == (
        "rollback from b: 4 pages in 1 h, the former champion would have had 0"
    )


def in_shadow(registry: Registry, trial_id: int, hours: int, champion_pages: int = 0) -> None:
    """The record that a scorer would have written."""
    counted = pl.DataFrame(
        {
            "trial_id": trial_id,
            "hour": [START + timedelta(hours=hour) for hour in range(hours)],
            "windows": 100, "champion_flagged": 0, "shadow_flagged": 0,
            "champion_strange": 1, "shadow_strange": 1,
        }
    )  # fmt: skip
    pages = pl.DataFrame(
        {
            "trial_id": trial_id, "role": "champion",
            "alert_id": [f"page-{number}" for number in range(champion_pages)],
            "at": START, "severity": "warning", "title": "too loud",
        }
    )  # fmt: skip
    with registry._engine.begin() as connection:
        copy_frame(connection, counted, "shadow_hours")
        copy_frame(connection, pages, "shadow_pages")
