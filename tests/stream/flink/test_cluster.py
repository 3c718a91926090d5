"""The job on a real Flink cluster with a real Kafka: the same windows and scores, whatever dies."""

import itertools
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from real_servers import require, started

from vigil.detect import DetectorSettings, OnlineDetector
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_DEAD_LETTERS, TOPIC_EVENTS, TOPIC_METRICS
from vigil.servers import KafkaServer
from vigil.servers.flink import FlinkJobManager, FlinkTaskManager, flink_python
from vigil.simulate import SimulationPlan, simulate_chunk
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.kafka_log import KafkaLog
from vigil.stores.log import Message, StoredMessage
from vigil.stream.flink import tables
from vigil.stream.pipeline import Pipeline, Step
from vigil.stream.tables import TABLE, table_rows
from vigil.windows.tumbling import WindowSpec

START_AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
SHARDS = 4
PATIENCE_S = 420.0
TOPICS = (
    TOPIC_EVENTS,
    TOPIC_METRICS,
    TOPIC_DEAD_LETTERS,
    tables.TOPIC_WINDOWS,
    tables.TOPIC_SCORES,
)


class Job:
    """The cluster, and the job on it."""

    def __init__(self, home: Path, kafka: KafkaServer) -> None:
        self.url = f"kafka://{kafka.address}?partitions=2"
        self.log = KafkaLog(self.url)
        for topic in TOPICS:
            self.log.create_topic(topic)
        self.home = home
        self.checkpoints = home / "checkpoints"
        self.master = FlinkJobManager(home / "jobmanager")
        self.worker = FlinkTaskManager(home / "taskmanager", self.master, slots=2)
        self.job_id = ""

    def submit(self, savepoint: str = "") -> None:
        """Run the job, from a savepoint or retained checkpoint where one is given."""
        command = [
            str(flink_python()), "-m", "vigil.stream.flink", "--jobmanager", self.master.address,
            "--checkpoints", self.checkpoints.as_uri(), "--checkpoint-s", "1",
            "--parallelism", "2", "--shards", str(SHARDS),
        ]  # fmt: skip
        command += ["--savepoint", savepoint] if savepoint else []
        settings = {"VIGIL_LOG_URL": self.url, "VIGIL_HOME": str(self.home / "vigil")}
        done = subprocess.run(
            command, env=os.environ | settings, capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert done.returncode == 0, done.stderr[-3000:]
        self.job_id = done.stdout.split()[-1]

    def newest_checkpoint(self) -> str:
        """What a lost job manager has left behind."""
        found = self.checkpoints.glob(f"{self.job_id}/chk-*/_metadata")
        return max(found, key=lambda path: path.stat().st_mtime).parent.as_uri()

    def stop_with_savepoint(self) -> str:
        """End the job; returns where its savepoint is."""
        target = (self.home / "savepoints").as_uri()
        asked = self.master.ask(f"jobs/{self.job_id}/stop", {"targetDirectory": target})
        place = f"jobs/{self.job_id}/savepoints/{asked['request-id']}"
        until(lambda: self.master.ask(place)["status"]["id"] == "COMPLETED")
        return str(self.master.ask(place)["operation"]["location"])

    def outputs(self, topic: str) -> list[StoredMessage]:
        """Everything committed in a topic, in order within each partition."""
        found: list[StoredMessage] = []
        for partition in range(self.log.partitions(topic)):
            offset = 0
            while messages := self.log.read(topic, partition, offset, 10_000):
                found += messages
                offset = messages[-1].offset + 1
        return found

    def rows(self, topic: str, table: str) -> pl.DataFrame:
        """All rows of a table."""
        found = [
            table_rows(stored.message.value)
            for stored in self.outputs(topic)
            if stored.message.headers.get(TABLE) == table
        ]
        return pl.concat([rows for rows in found if rows.height])

    def has_reached(self, at: datetime) -> bool:
        """True once every shard has come to this event time."""
        reached: dict[str, int] = {}
        for stored in self.outputs(tables.TOPIC_SCORES):
            headers = stored.message.headers
            if headers[tables.STREAM] == TOPIC_EVENTS and tables.COMPLETE_US in headers:
                reached[headers[tables.SHARD]] = int(headers[tables.COMPLETE_US])
        return len(reached) == SHARDS and min(reached.values()) >= at.timestamp() * 1e6


def until(holds: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def job(server_home: Path) -> Iterator[Job]:
    """A cluster with one task manager, and a broker of its own, whose topics nobody else reads."""
    require(FlinkJobManager.name, FlinkJobManager.missing())
    require(KafkaServer.name, KafkaServer.missing())
    home = server_home / "flink"
    with KafkaServer(home / "kafka") as kafka:
        made = Job(home, kafka)
        with made.master, made.worker:
            started(made.master)
            yield made


def parts() -> list[list[Message]]:
    """Six minutes of requests in three parts; then some that revise windows, or come too late."""
    table = pl.from_arrow(simulate_chunk(SimulationPlan(START_AT, 360, 1.0, seed=5, faults=()), 0))
    assert isinstance(table, pl.DataFrame)
    after = [START_AT + timedelta(seconds=seconds) for seconds in (120, 240)]
    cuts = [0, *(table["time"].search_sorted(at) for at in after), table.height]
    timely = [table[start:stop] for start, stop in itertools.pairwise(cuts)]
    newest = table["time"].max()
    ago = [newest - timedelta(seconds=seconds) for seconds in (45, 300)]
    late = table.head(60).with_columns(time=pl.Series([ago[n % 4 == 0] for n in range(60)]))
    found = [arrow_messages(rows.to_arrow(), 40) for rows in (*timely, late.cast(table.schema))]
    found[1].append(Message(b'{"time": "yesterday"}', {CONTENT_TYPE: NDJSON}))
    return found


def native_steps(job: Job, ends: list[dict[int, int]]) -> list[Step]:
    """What Vigil's own engine makes of the same topic, a step for each part."""
    pipeline = Pipeline(WindowSpec(), Limits(), OnlineDetector(DetectorSettings()))
    messages = job.outputs(TOPIC_EVENTS)
    steps = []
    begin = {0: 0, 1: 0}
    for end in ends:
        batches = {
            (TOPIC_EVENTS, partition): [
                stored
                for stored in messages
                if stored.partition == partition and begin[partition] <= stored.offset < stop
            ]
            for partition, stop in end.items()
        }
        steps.append(pipeline.step(batches, datetime.now(UTC)))
        begin = end
    return steps


def final(rows: pl.DataFrame) -> pl.DataFrame:
    """The last revision of each row, in order."""
    identity = [name for name in ("key_id", "series_id") if name in rows.columns]
    by = [identity[-1], "window_start"]
    ordered = rows.sort(*by, "revision").unique(by, keep="last").sort(by)
    return ordered.drop("revision", "worst_traces", strict=False)


@pytest.mark.timeout(1800)
def test_flink_gives_the_same_through_crashes_and_savepoints(job):
    """Every window and score is that of Vigil's own engine, none is lost or there twice.

    A task manager is killed, then the job manager, then the job is stopped with a savepoint.
    """
    ends: list[dict[int, int]] = []

    def append(part: list[Message]) -> None:
        job.log.append(TOPIC_EVENTS, part)
        ends.append(job.log.end_offsets(TOPIC_EVENTS))

    first, second, third, late = parts()
    append(first)
    job.submit()
    until(lambda: job.has_reached(START_AT + timedelta(seconds=80)))

    append(second[: len(second) // 2])
    job.worker.kill()
    append(second[len(second) // 2 :])
    job.worker.start()
    until(lambda: job.has_reached(START_AT + timedelta(seconds=200)))

    job.master.kill()
    append(third[: len(third) // 2])
    checkpoint = job.newest_checkpoint()
    job.master.start()
    until(job.worker.answers)
    job.submit(checkpoint)
    append(third[len(third) // 2 :])
    until(lambda: job.has_reached(START_AT + timedelta(seconds=320)))

    savepoint = job.stop_with_savepoint()
    append(late)
    job.submit(savepoint)
    steps = native_steps(job, ends)
    assert any((step.scored["revision"] > 0).any() for step in steps), "it must revise something"

    def windows() -> pl.DataFrame:
        return job.rows(tables.TOPIC_WINDOWS, tables.REQUEST_WINDOWS)

    # In how many revisions Flink comes to the same depends on when it reads what.
    expected_windows = pl.concat(step.outputs.request_windows for step in steps)
    counted = final(expected_windows)["requests"].sum()
    until(lambda: final(windows())["requests"].sum() >= counted)
    for found, expected, identity in (
        (windows(), expected_windows, "key_id"),
        (
            job.rows(tables.TOPIC_SCORES, tables.SCORES),
            pl.concat(step.scored for step in steps),
            "series_id",
        ),
    ):
        assert not found.select(identity, "window_start", "revision").is_duplicated().any()
        ours = final(found)
        assert_frame_equal(ours, final(expected).select(ours.columns), rel_tol=1e-9)

    def too_late() -> int:
        return job.rows(tables.TOPIC_WINDOWS, tables.LATE)["records"].sum()

    refused = sum(step.outputs.late["records"].sum() for step in steps)
    until(lambda: too_late() >= refused)
    assert too_late() == refused > 0
    dead = b"\n".join(stored.message.value for stored in job.outputs(TOPIC_DEAD_LETTERS))
    assert len(dead.split(b"\n")) == sum(step.dead.height for step in steps) > 0
