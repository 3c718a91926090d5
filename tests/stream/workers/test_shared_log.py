"""Workers on a real Kafka: what one scorer gives, whoever comes, goes or is killed meanwhile."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from confluent_kafka.admin import AdminClient
from database_contents import database_contents
from real_servers import require, started

from vigil.config import Settings, load_settings
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.schema import TOPIC_EVENTS, TOPIC_METRICS
from vigil.servers import KafkaServer
from vigil.services import service_environment
from vigil.simulate import SimulationPlan, plan_faults, simulate_chunk
from vigil.stores import open_log
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.checkpoint import CONSUMER, CheckpointStore
from vigil.stores.database import open_database
from vigil.stores.log import Message
from vigil.stream.assembly import Engine, open_scorer
from vigil.stream.scorer import Scorer
from vigil.stream.workers.partials import GROUP

VIGIL = str(Path(sys.executable).parent / "vigil")
START = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = 3
PARTITIONS = 4
# What must be equal; sums of floats depend on the order of adding in their last digits.
QUERIES = {
    "windows": "SELECT key_id, window_start, revision, requests, errors, latency_ms_p99,"
    " worst_traces, round(duration_ms_sum::numeric, 3) FROM request_windows ORDER BY 1, 2",
    "metrics": "SELECT series_id, window_start, points, value_min, value_max FROM metric_windows"
    " ORDER BY 1, 2",
    "scores": "SELECT series_id, window_start, revision, actual, round(p::numeric, 9), flagged"
    " FROM scores ORDER BY 1, 2, 3",
    "series": "SELECT series_id, key_id, metric FROM series ORDER BY 1",
    "incidents": "SELECT incident_id, status, opened_at, resolved_at, title FROM incidents"
    " ORDER BY 1",
    "alerts": "SELECT alert_id, action, at FROM alerts ORDER BY 1",
    "edges": "SELECT window_start, caller, service, environment, requests, errors"
    " FROM service_edges ORDER BY 1, 2, 3, 4",
    "late": "SELECT topic, record_id, window_start, sum(records) FROM late_events"
    " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
}
COUNTED = ("read", "accepted", "dead", "late", "windows", "scores", "flagged", "alerts")


@pytest.fixture
def broker(server_home, tmp_path):
    """A Kafka whose topics are this test's own."""
    require(KafkaServer.name, KafkaServer.missing())
    with KafkaServer(server_home / tmp_path.name) as server:
        started(server)
        yield server


@pytest.fixture
def homes(broker, new_database, tmp_path) -> list[Settings]:
    """Settings of one scorer and of one with workers, on one log with four partitions."""
    url = f"kafka://{broker.address}?partitions={PARTITIONS}"
    return [
        load_settings(home=tmp_path / name, log_url=url, store_url=new_database(), window_s=60)
        for name in ("alone", "shared")
    ]


def feed(settings: Settings, hour: int) -> int:
    """An hour of simulated requests, of a metric, and three broken lines; returns the records.

    No producer keys by series: every partition has requests of every route.
    """
    end = START + timedelta(hours=HOURS)
    plan = SimulationPlan(START, HOURS * 3600, 3.0, 3, plan_faults(3, START, end, 1))
    table = simulate_chunk(plan, hour)
    points = [
        {"service": "db", "metric": "cpu", "time": START.timestamp() + at_s, "value": at_s % 7}
        for at_s in range(hour * 3600, hour * 3600 + 3600, 15)
    ]
    lines = Message(b"\n".join(map(orjson.dumps, points)), {CONTENT_TYPE: NDJSON})
    broken = Message(b'{"time": \n7\n{}', {CONTENT_TYPE: NDJSON})
    with closing(open_log(settings)) as log:
        log.append(TOPIC_EVENTS, [*arrow_messages(table, 500), broken])
        log.append(TOPIC_METRICS, [lines])
    return table.num_rows + len(points) + 3


def vigil(settings: Settings, *arguments: str) -> subprocess.Popen[bytes]:
    """A command of Vigil's in a process of its own."""
    environment = os.environ | service_environment(settings)
    return subprocess.Popen([VIGIL, *arguments], env=environment, stdout=-1, stderr=-1)


def drained(settings: Settings) -> dict[str, int]:
    """The counters of one scorer that runs to the log's end."""
    with open_scorer(settings, CONSUMER, show=None) as scorer:
        scorer.run(threading.Event(), drain=True)
        return scorer.pipeline.counters


@contextmanager
def gathering(settings: Settings) -> Iterator[Scorer]:
    """A scorer that puts together what workers hand over, in a thread."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool, open_scorer(settings, CONSUMER, None, Engine.WORKERS) as it:
        running = pool.submit(it.run, stop)
        try:
            yield it
        finally:
            stop.set()
        running.result()


def contents(settings: Settings) -> dict[str, list]:
    """What the database holds in the end."""
    return database_contents(settings, QUERIES)


def assert_same(found: dict[str, list], expected: dict[str, list]) -> None:
    """Every table is the same."""
    for name in QUERIES:
        assert found[name] == expected[name], name


def held(broker: KafkaServer) -> list[int]:
    """How many partitions each worker has, by Kafka's own account."""
    admin = AdminClient({"bootstrap.servers": broker.address})
    group = admin.describe_consumer_groups([GROUP])[GROUP].result()
    return sorted(len(member.assignment.topic_partitions) for member in group.members)


def heard_of(scorer: Scorer) -> list[int]:
    """The same by the scorer's account."""
    return sorted(len(worker.partitions) for worker in scorer.pipeline.workers.values())


def wait_until(holds: Callable[[], bool]) -> None:
    """A minute at most."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def ended(process: subprocess.Popen[bytes]) -> None:
    """It stops as it should when it is asked to."""
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()


def test_workers_that_come_are_killed_and_stall_give_what_one_scorer_gives(homes, broker):
    """Windows, scores, incidents, alerts, edges, counters; and no producer keys by series."""
    alone, shared = homes
    engine = open_database(shared)

    def records_read() -> int:
        position = CheckpointStore(engine, CONSUMER).position()
        return position.counters["read"] if position else 0

    with gathering(shared) as scorer:
        killed, stalled = vigil(shared, "work"), vigil(shared, "work")
        total = feed(shared, 0)
        wait_until(lambda: records_read() == total)
        wait_until(lambda: held(broker) == [PARTITIONS, PARTITIONS])
        wait_until(lambda: heard_of(scorer) == [PARTITIONS, PARTITIONS])
        second_hour = feed(shared, 1)
        wait_until(lambda: records_read() > total)
        killed.kill()
        stalled.send_signal(signal.SIGSTOP)
        fresh = vigil(shared, "work")
        total += second_hour + feed(shared, 2)
        # The two are given up after ten seconds; the one that wakes up must not commit any more.
        wait_until(lambda: held(broker) == [2 * PARTITIONS])
        stalled.send_signal(signal.SIGCONT)
        wait_until(lambda: held(broker) == [PARTITIONS, PARTITIONS])
        wait_until(lambda: records_read() == total)
        ended(fresh)
        ended(stalled)
    last = vigil(shared, "score", "--workers", "1", "--drain", "--quiet", "--json")
    out, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors.decode()
    found = json.loads(out)
    engine.dispose()
    counted = drained(alone)
    expected = contents(alone)
    assert expected["incidents"], "the fault must have been noticed, else this proves little"
    assert_same(contents(shared), expected)
    assert {name: found[name] for name in COUNTED} == {name: counted[name] for name in COUNTED}
