"""Who reads what, by what workers hand over, and what is told of it."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from vigil.cli.main import cli
from vigil.doctor.examine import CHECKS
from vigil.doctor.finding import NOTE, OK, PROBLEM, Finding
from vigil.doctor.installation import Installation
from vigil.events.schema import TOPIC_EVENTS, TOPIC_METRICS
from vigil.status import read_status
from vigil.stores import open_log
from vigil.stores.checkpoint import CONSUMER, Checkpoint, CheckpointStore
from vigil.stores.log import Message
from vigil.stores.stream_health import Sample, StreamHealth, WorkerSample
from vigil.stream.assembly import open_scorer
from vigil.stream.telemetry import Snapshot
from vigil.stream.workers.partials import GROUP, TOPIC_PARTIALS, Account
from vigil.stream.workers.roster import Roster

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
EVENTS = [(TOPIC_EVENTS, number) for number in range(3)]


def account(worker: str, accepted: int = 0) -> Account:
    """Of a worker that had no dead letters."""
    return Account(worker, accepted, 0, 1.5)


def test_a_partition_is_read_by_whom_it_was_last_heard_from():
    """One that has lost all its partitions to others is not listed any more."""
    roster = Roster()
    roster.note(account("a", 10), EVENTS, NOW)
    roster.note(account("b", 5), EVENTS[2:], NOW)
    roster.note(account("a", 20), EVENTS[:1], NOW + timedelta(seconds=1))
    assert roster.workers() == {
        "a": WorkerSample(
            20, 0, 1.5, NOW + timedelta(seconds=1), ["vigil.events/0", "vigil.events/1"]
        ),
        "b": WorkerSample(5, 0, 1.5, NOW, ["vigil.events/2"]),
    }
    roster.note(account("c"), EVENTS[:2], NOW)
    assert set(roster.workers()) == {"b", "c"}


@pytest.fixture
def shared(store_settings, engine):
    """A log with 100 messages, of which workers have handed 70 over and the scorer has gathered 40.

    Returns what notes a sample with these workers, so long ago.
    """
    with closing(open_log(store_settings)) as event_log:
        event_log.append(TOPIC_EVENTS, [Message(b"{}")] * 100)
        event_log.create_topic(TOPIC_METRICS)
        event_log.commit(GROUP, TOPIC_EVENTS, {0: 70})
    with open_scorer(store_settings, CONSUMER, None) as scorer:
        outputs = scorer.pipeline.take([]).outputs
    offsets = {TOPIC_PARTIALS: {0: 9}, TOPIC_EVENTS: {0: 40}}
    CheckpointStore(engine, CONSUMER).commit(Checkpoint(1, offsets, {}), outputs, {})

    def note(age_s: float, lag: int = 60, **workers: WorkerSample) -> None:
        at = datetime.now(UTC) - timedelta(seconds=age_s)
        StreamHealth(engine, CONSUMER).note(Sample(at, 0, 0, lag, {}, workers))

    return note


def worker(accepted: int, *partitions: str, silent_s: float = 0.0) -> WorkerSample:
    """One that was heard of so long ago."""
    heard_at = datetime.now(UTC) - timedelta(seconds=silent_s)
    return WorkerSample(accepted, 0, accepted / 1_000, heard_at, partitions)


BOTH = f"{TOPIC_EVENTS}/0", f"{TOPIC_METRICS}/0"


def test_status_tells_what_each_worker_does_and_who_is_behind(store_settings, shared, monkeypatch):
    """Rates since it was first seen within the minute; what was handed over waits for the scorer.

    A worker that has begun anew under the same name counts from nothing.
    """
    shared(20, first=worker(9_000, BOTH[1]))
    shared(10, first=worker(10_000, BOTH[1]), second=worker(0, BOTH[0]))
    shared(0, first=worker(1_000, BOTH[1]), second=worker(5_000, BOTH[0]))
    stream = read_status(store_settings)["stream"]
    first, second = stream["workers"]
    assert first["records_per_s"] == pytest.approx(100, rel=0.01)
    assert second["records_per_s"] == pytest.approx(500, rel=0.01)
    assert second["cores"] == pytest.approx(0.5, rel=0.01)
    assert second["partitions"] == [BOTH[0]]
    events, metrics = (row for row in stream["partitions"] if row["worker"])
    assert events == {
        "topic": TOPIC_EVENTS, "partition": 0, "lag_messages": 60, "not_handed_over": 30,
        "worker": "second",
    }  # fmt: skip
    assert (metrics["lag_messages"], metrics["worker"]) == (0, "first")
    assert stream["lag_messages"] == 60
    monkeypatch.setenv("VIGIL_HOME", str(store_settings.home))
    monkeypatch.setenv("VIGIL_STORE_URL", store_settings.store_url)
    shown = CliRunner().invoke(cli, ["status"]).output
    assert f"second │ {BOTH[0]}" in shown
    assert "not handed over" in shown


def check(name: str, settings) -> Finding:
    """One check's finding."""
    with Installation(settings) as installation:
        return CHECKS[name](installation)


def test_a_partition_that_nobody_reads_is_a_problem(store_settings, shared):
    """Whether its reader has gone or it never had one; the last one is named."""
    shared(3, first=worker(0, *BOTH))
    found = check("workers", store_settings)
    assert (found.level, found.found) == (OK, "1 read 2 of 2 partitions")
    shared(2, first=worker(0, BOTH[0]), second=worker(0, BOTH[1], silent_s=40))
    found = check("workers", store_settings)
    assert found.level == PROBLEM
    assert f"1 read 1 of 2 partitions: nobody reads {BOTH[1]}; second was last" in found.found
    shared(1, first=worker(0, BOTH[1]))
    assert f"nobody reads {BOTH[0]}" in check("workers", store_settings).found


def test_a_scorer_that_begins_anew_misses_nobody(store_settings, shared):
    """Until it has heard of all workers, what the scorer before had heard counts."""
    shared(12, first=worker(0, BOTH[0], silent_s=12), second=worker(0, BOTH[1], silent_s=12))
    shared(2, second=worker(0, BOTH[1]))
    found = check("workers", store_settings)
    assert (found.level, found.found) == (OK, "2 read 2 of 2 partitions")


def test_without_workers_or_a_scorer_nothing_is_said_of_them(store_settings, shared):
    """No scorer: that is the finding on lag."""
    assert check("workers", store_settings).level == NOTE
    assert check("lag", store_settings).level == PROBLEM


def test_a_growing_lag_is_blamed_on_who_is_behind(store_settings, shared, monkeypatch):
    """Workers, as long as most of it was not handed over."""
    monkeypatch.setattr("vigil.doctor.stream.SMALL_LAG", 10)
    shared(0, lag=1, first=worker(0, *BOTH))
    assert "longer windows, or Flink" in check("lag", store_settings).remedy
    with closing(open_log(store_settings)) as event_log:
        event_log.append(TOPIC_EVENTS, [Message(b"{}")] * 10)
    assert "up to 2, one a partition" in check("lag", store_settings).remedy


def test_metrics_have_a_row_for_each_worker(store_settings):
    """Its counters, what it reads and when it was heard of; none where there is no worker."""
    with open_scorer(store_settings, CONSUMER, None) as scorer:
        telemetry, value = scorer.telemetry, scorer.telemetry.registry.get_sample_value
        telemetry.committed(Snapshot())
        assert value("vigil_worker_accepted_total", {"worker": "first"}) is None
        state = WorkerSample(7, 2, 1.5, NOW, [BOTH[0]])
        telemetry.committed(Snapshot(workers={"first": state}))
        telemetry.sample({(TOPIC_EVENTS, 0): 60}, {(TOPIC_EVENTS, 0): 30})
        named = {"worker": "first"}
        assert value("vigil_worker_accepted_total", named) == 7
        assert value("vigil_worker_dead_total", named) == 2
        assert value("vigil_worker_cpu_seconds_total", named) == 1.5
        assert value("vigil_worker_heard_timestamp_seconds", named) == NOW.timestamp()
        assert value("vigil_worker_reads", {**named, "partition": BOTH[0]}) == 1
        place = {"topic": TOPIC_EVENTS, "partition": "0"}
        assert value("vigil_lag_messages", place) == 60
        assert value("vigil_workers_lag_messages", place) == 30
        assert value("process_cpu_seconds_total") > 0
