"""The doctor: each trouble is found, and the remedy fits it."""

import json
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
import sqlalchemy as sa

from vigil.config import Settings, load_settings
from vigil.doctor import NOTE, OK, PROBLEM, Finding, examine
from vigil.doctor.examine import CHECKS, guarded
from vigil.doctor.installation import Installation
from vigil.doctor.servers import judge_clock
from vigil.events.schema import TOPIC_EVENTS
from vigil.servers import PostgresServer
from vigil.stores import open_log
from vigil.stores.bundle import BundleArrays
from vigil.stores.checkpoint import CONSUMER
from vigil.stores.database import open_database
from vigil.stores.kafka_log import KafkaLog
from vigil.stores.log import Message
from vigil.stores.registry import Registry
from vigil.stores.stream_health import Sample, StreamHealth

NOW = datetime.now(UTC)


def run(name: str, settings: Settings) -> Finding:
    """One check, with its errors turned into findings."""
    with Installation(settings) as installation:
        return guarded(name, CHECKS[name], installation)


def test_a_fresh_home_has_no_problem(store_settings):
    """Notes say what is still to do, in the order of the checks."""
    found = examine(store_settings)
    assert [item.check for item in found] == list(CHECKS)
    assert [item for item in found if item.level == PROBLEM] == []
    assert {item.check for item in found if item.level == NOTE} >= {"event log", "champion", "lag"}


def test_a_server_that_is_down_is_named_with_what_to_do():
    """Log, database and sink each."""
    down = "127.0.0.1:1"
    for name, settings in (
        ("event log", load_settings(log_url=f"kafka://{down}")),
        ("database", load_settings(store_url=f"postgresql://v:tr0ub4dor@{down}/v")),
    ):
        finding = run(name, settings)
        assert (finding.level, finding.remedy) == (PROBLEM, "start the server or mend its address")
        assert down in finding.found
        assert "tr0ub4dor" not in finding.found


def test_the_database_is_opened_once_for_all_checks(store_settings, monkeypatch):
    """Also where that fails: one check waits for a server that is down, the others hear of it."""
    asked = []

    def counted(settings):
        asked.append(settings)
        return open_database(settings)

    monkeypatch.setattr("vigil.doctor.installation.open_database", counted)
    examine(store_settings)
    assert len(asked) == 1
    down = load_settings(store_url="postgresql://127.0.0.1:1/v")
    troubled = [item.check for item in examine(down) if item.level == PROBLEM]
    assert len(asked) == 2
    assert {"database", "clock", "sink", "champion", "lag", "silent series"} <= {*troubled}


def test_a_wrong_password_is_told_from_a_server_that_is_down(server_home):
    """The remedy is another."""
    with PostgresServer(server_home / "postgres-doctor") as server:
        url = f"postgresql://vigil:wr0ng@127.0.0.1:{server.port}/postgres"
        finding = run("database", load_settings(store_url=url))
    assert finding.level == PROBLEM
    assert "password authentication failed" in finding.found
    assert finding.remedy == "mend user and password in the URL"


def test_too_few_partitions_are_found_with_the_command_that_adds_them(kafka, monkeypatch):
    """A topic made by somebody else may be too narrow."""
    few = KafkaLog(f"kafka://{kafka.address}")
    few.create_topic("narrow", 1)
    few.close()
    monkeypatch.setattr("vigil.doctor.servers.TOPIC_EVENTS", "narrow")
    finding = run("event log", load_settings(log_url=f"kafka://{kafka.address}?partitions=4"))
    assert finding.level == PROBLEM
    assert "narrow has 1 partition(s), 4 are asked for" in finding.found
    assert finding.remedy == "kafka-topics.sh --alter --topic narrow --partitions 4"


def test_clocks_that_differ_are_judged_by_what_events_may(store_settings):
    """Below a second nothing, below `future_s` a note, above it events are refused."""
    assert run("clock", store_settings).level == OK
    at = [NOW, NOW + timedelta(seconds=0.2)]
    for skew_s, level in ((0.1, OK), (-30, NOTE), (30, NOTE), (400, PROBLEM), (-400, PROBLEM)):
        assert judge_clock(at[0], NOW + timedelta(seconds=skew_s), at[1], 300).level == level
    assert "199.8 s" in judge_clock(at[0], NOW + timedelta(seconds=200), at[1], 300).found


@pytest.mark.parametrize(("free", "level"), [(5e8, PROBLEM), (2e9, NOTE), (5e10, OK)])
def test_a_disk_that_is_nearly_full_is_found(tmp_path, monkeypatch, free, level):
    """Of 100 GB."""
    disk = SimpleNamespace(total=int(1e11), free=int(free))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    assert run("home", load_settings(home=tmp_path)).level == level


def test_a_bundle_of_a_later_version_is_found(store_settings):
    """The remedy is to update, or to use another."""
    engine = open_database(store_settings)
    registry = Registry(engine, store_settings.registry_path)
    one = np.ones(1)
    arrays = BundleArrays(
        one.astype(int), one, one, one[:, None], one[:, None], one, one, one[:, None]
    )
    manifest = registry.add({"bundle_id": "b", "backtest": {"mase": 1.0}}, arrays) / "manifest.json"
    registry.promote("b", "test")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 999}))
    finding = run("champion", store_settings)
    assert finding.level == PROBLEM
    assert "update Vigil" in finding.remedy
    engine.dispose()


def samples(settings: Settings, *lags: int) -> None:
    """One sample a minute, the last one now."""
    engine = open_database(settings)
    health = StreamHealth(engine, CONSUMER)
    for age, lag in enumerate(reversed(lags)):
        at = datetime.now(UTC) - timedelta(seconds=59 * age)
        health.note(Sample(at, 1_000_000 - 6_000 * age, 0, lag))
    engine.dispose()


def test_a_growing_lag_is_found_and_a_shrinking_one_is_not(store_settings):
    """It is compared with five minutes ago; the message says how fast the scorer is."""
    with closing(open_log(store_settings)) as event_log:
        event_log.append(TOPIC_EVENTS, [Message(b"{}")] * 5_000)
    finding = run("lag", store_settings)
    assert finding.level == PROBLEM
    assert "5,000 messages not read yet, and no scorer is at work" in finding.found
    samples(store_settings, 1_500, 3_000, 4_900)
    finding = run("lag", store_settings)
    assert finding.level == PROBLEM
    assert "growing: 1,500 five minutes ago, at 102 records/s" in finding.found
    samples(store_settings, 90_000, 50_000, 5_000)


def test_a_series_that_lost_its_traffic_is_named(store_settings):
    """Others go on; a route that was always quiet is not meant."""
    engine = open_database(store_settings)
    windows = [
        (key, minute, 5 if minute < until else 0)
        for key, until in ((1, 120), (2, 60), (3, 5))
        for minute in range(120)
    ]
    with engine.begin() as connection:
        for key, route in ((1, "/steady"), (2, "/lost"), (3, "/rare")):
            connection.execute(
                sa.text(
                    "INSERT INTO keys (key_id, environment, service, route)"
                    " VALUES (:key, 'onprem', 'orders', :route)"
                ),
                {"key": key, "route": route},
            )
        connection.execute(
            sa.text(
                "INSERT INTO request_windows (key_id, window_start, window_s, revision, requests,"
                " errors, duration_ms_sum, request_bytes, response_bytes, sketch_buckets,"
                " sketch_counts, worst_traces) VALUES (:key, :at, 60, 0, :requests, 0, 0, 0, 0,"
                " '{}', '{}', '{}')"
            ),
            [
                {"key": key, "at": NOW + timedelta(minutes=minute - 120), "requests": requests}
                for key, minute, requests in windows
            ],
        )
    engine.dispose()
    finding = run("silent series", store_settings)
    assert finding.level == NOTE
    assert "onprem/orders /lost since" in finding.found
    assert "steady" not in finding.found
    assert "rare" not in finding.found
