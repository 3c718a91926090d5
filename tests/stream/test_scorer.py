"""The scorer: exactly once whatever happens, and promoted models without a restart."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa
from database_contents import database_contents

from vigil.config import Settings, load_settings
from vigil.errors import ConfigError, StoreError
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.schema import TOPIC_DEAD_LETTERS, TOPIC_EVENTS
from vigil.services import service_environment
from vigil.simulate import SimulationPlan, chunk_count, plan_faults, simulate_chunk
from vigil.stores import open_log
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.bundle import BundleArrays
from vigil.stores.checkpoint import Checkpoint, CheckpointStore, Outputs, Part
from vigil.stores.database import open_database
from vigil.stores.log import Message
from vigil.stores.registry import Registry
from vigil.stores.timescale import METRIC_WINDOWS, REQUEST_WINDOWS, SCORES
from vigil.stream.assembly import open_scorer

LISTS = ("sketch_buckets", "sketch_counts", "worst_traces")
EMPTY = pl.DataFrame(
    schema=dict.fromkeys((*REQUEST_WINDOWS, *METRIC_WINDOWS, *SCORES, *LISTS), pl.Int64)
)
NOTHING = Outputs(EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY)
START = datetime(2026, 3, 2, tzinfo=UTC)
SCORE = [str(Path(sys.executable).parent / "vigil"), "score", "--drain", "--quiet", "--json"]


def feed(settings: Settings, hours: int = 6) -> int:
    """Simulated hours with a fault, and three broken lines; returns the records in the log."""
    end = START + timedelta(hours=hours)
    faults = plan_faults(3, START + timedelta(hours=hours * 2 / 3), end, 1)
    plan = SimulationPlan(START, hours * 3600, 3.0, 3, faults)
    records = 3
    with closing(open_log(settings)) as event_log:
        for index in range(chunk_count(plan)):
            table = simulate_chunk(plan, index)
            event_log.append(TOPIC_EVENTS, arrow_messages(table))
            records += table.num_rows
        event_log.append(TOPIC_EVENTS, [Message(b'{"time": \n7\n{}', {CONTENT_TYPE: NDJSON})])
    return records


def contents(settings: Settings) -> dict[str, list]:
    """What the database holds in the end; the offsets at the end of each table's rows."""
    queries = {
        "windows": "SELECT key_id, window_start, requests, errors,"
        " round(duration_ms_sum::numeric, 3) FROM request_windows ORDER BY 1, 2",
        "scores": "SELECT series_id, window_start, revision, actual, round(p::numeric, 9), flagged"
        " FROM scores ORDER BY 1, 2, 3",
        "incidents": "SELECT incident_id, status, opened_at, resolved_at, title FROM incidents"
        " ORDER BY 1",
        "alerts": "SELECT alert_id, action, at FROM alerts ORDER BY 1",
        "counters": "SELECT counters FROM checkpoints",
        "edges": "SELECT window_start, caller, service, environment, requests, errors"
        " FROM service_edges ORDER BY 1, 2, 3, 4",
        "journeys": "SELECT window_start, journey, traces, errors, broken,"
        " round(duration_ms_sum::numeric, 3) FROM journey_minutes ORDER BY 1, 2",
    }
    return database_contents(settings, queries)


def score(settings: Settings) -> subprocess.Popen:
    """A scorer in a process of its own that ends at the log's end."""
    environment = os.environ | service_environment(settings)
    return subprocess.Popen(SCORE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture(params=["", "sqlite:///{}/state.sqlite"], ids=["state-in-database", "on-disk"])
def two_homes(request, new_database, tmp_path):
    """Settings of two scorers that read the same log into databases of their own."""
    log_url = f"sqlite:///{tmp_path / 'log.sqlite'}"
    return [
        load_settings(
            home=tmp_path / name, log_url=log_url, store_url=new_database(), window_s=60,
            state_url=request.param.format(tmp_path / name),
        )
        for name in ("calm", "killed")
    ]  # fmt: skip


def test_a_scorer_killed_at_any_moment_counts_as_if_nothing_had_happened(two_homes):
    """kill -9 again and again, then run to the end: windows, scores, incidents, alerts, counters
    equal those of an uninterrupted run."""
    calm, killed = two_homes
    records = feed(calm)
    finished = score(calm)
    out, errors = finished.communicate(timeout=180)
    assert finished.returncode == 0, errors.decode()
    assert json.loads(out)["read"] == records
    store = CheckpointStore(open_database(killed), "vigil-scorer")
    kills = 0
    for pause_s in (0.0, 0.05, 0.2):
        before, running = store.position(), score(killed)
        # Wait for a commit, so that each life gets somewhere, then strike a little later.
        deadline = time.monotonic() + 60
        while running.poll() is None and time.monotonic() < deadline:
            now = store.position()
            if now is not None and (before is None or now.epoch > before.epoch):
                break
            time.sleep(0.01)
        time.sleep(pause_s)
        if running.poll() is None:
            running.send_signal(signal.SIGKILL)
            kills += 1
        running.communicate()
    assert kills >= 1
    last = score(killed)
    out, errors = last.communicate(timeout=180)
    assert last.returncode == 0, errors.decode()
    expected, found = contents(calm), contents(killed)
    for name in expected:
        assert found[name] == expected[name], name
    assert expected["incidents"], "the fault must have been noticed, else this proves little"


def test_counts_add_up_and_dead_letters_say_why(store_settings):
    """accepted + dead = read, and the reasons are in their topic."""
    settings = store_settings
    records = feed(settings, hours=1)
    with open_scorer(settings, "test", show=None) as scorer:
        scorer.run(threading.Event(), drain=True)
        counters = scorer.pipeline.counters
    assert counters["read"] == counters["accepted"] + counters["dead"] == records
    assert counters["dead"] == 3
    with closing(open_log(settings)) as event_log:
        [stored] = event_log.read(TOPIC_DEAD_LETTERS, 0, 0, 10)
    letters = [json.loads(line) for line in stored.message.value.splitlines()]
    assert [letter["field"] for letter in letters] == ["record", "record", "time"]
    assert all("topic vigil.events, partition 0" in letter["place"] for letter in letters)


def test_windows_of_another_length_are_refused(small_estate):
    """To a detector that knows minutes every ten seconds are unusual."""
    other = small_estate.model_copy(update={"window_s": 10})
    with (
        pytest.raises(ConfigError, match="VIGIL_WINDOW_S must be 60"),
        open_scorer(other, "s", None),
    ):
        pass


def bundle_for(settings: Settings, registry: Registry, name: str) -> None:
    """A bundle that expects 42 requests/s of every series."""
    with open_database(settings).connect() as connection:
        ids = connection.execute(sa.text("SELECT series_id FROM series")).scalars().all()
    n = len(ids)
    arrays = BundleArrays(
        series_id=np.array(sorted(ids), np.int64),
        origin_s=np.full(n, START.timestamp()),
        step_s=np.full(n, 300.0),
        forecast=np.full((n, 4), 42.0, np.float32),
        profile=np.full((n, 288), 42.0, np.float32),
        season_s=np.full(n, 86_400.0),
        spread=np.ones(n, np.float32),
        quantiles=np.zeros((n, 7), np.float32),
    )
    registry.add({"bundle_id": name, "backtest": {"mase": 1.0}}, arrays)


def test_a_promoted_bundle_is_picked_up_within_seconds_without_a_restart(store_settings, caplog):
    """And the log says so; the windows after it are scored with it."""
    settings, stop = store_settings, threading.Event()
    caplog.set_level(logging.INFO, "vigil")
    feed(settings, hours=1)
    engine = open_database(settings)
    registry = Registry(engine, settings.registry_path)
    with open_scorer(settings, "test", show=None) as scorer:
        running = threading.Thread(target=scorer.run, args=(stop,))
        running.start()
        wait_for(lambda: CheckpointStore(engine, "test").load() is not None)
        bundle_for(settings, registry, "the-answer")
        registry.promote("the-answer", "test")
        began = time.monotonic()
        wait_for(lambda: "scoring with bundle the-answer" in caplog.text)
        assert time.monotonic() - began < 5
        feed(settings, hours=2)
        wait_for(lambda: scored_with(engine, "the-answer") > 0)
        stop.set()
        running.join(30)
    engine.dispose()


def scored_with(engine: sa.Engine, model: str) -> int:
    """Scores that name the model, where it expected 42."""
    query = sa.text(
        "SELECT count(*) FROM scores WHERE model = :model AND abs(expected - 42) < 0.01"
    )
    with engine.connect() as connection:
        return connection.execute(query, {"model": model}).scalar_one()


def wait_for(condition, limit_s: float = 60.0) -> None:
    """Until the condition holds; fails after the limit."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def test_two_scorers_under_one_name_cannot_both_commit(engine):
    """The second commit of the same epoch is refused."""
    store = CheckpointStore(engine, "test")
    store.commit(Checkpoint(1, {}, {}), NOTHING, {"part": Part(None, lambda: b"a")})
    with pytest.raises(StoreError, match="another scorer runs under the same name"):
        store.commit(Checkpoint(1, {}, {}), NOTHING, {"part": Part(None, lambda: b"b")})
    loaded = store.load()
    assert loaded is not None
    assert loaded.state == {"part": b"a"}
