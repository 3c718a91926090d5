"""One contract for every event log."""

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.config import load_settings
from vigil.errors import ConfigError, LogError
from vigil.stores import open_log
from vigil.stores.kafka_log import KafkaLog
from vigil.stores.log import EventLog, Message, StoredMessage
from vigil.stores.memory_log import MemoryLog
from vigil.stores.sqlite_log import SqliteLog


@pytest.fixture(params=["sqlite", "memory", "kafka"])
def event_log(request, tmp_path):
    """Each implementation in turn."""
    if request.param == "kafka":
        server = request.getfixturevalue("kafka")
        log: EventLog = KafkaLog(f"kafka://{server.address}")
    else:
        log = SqliteLog(tmp_path / "log.sqlite") if request.param == "sqlite" else MemoryLog()
    yield log
    log.close()


@pytest.fixture
def topic() -> str:
    """A name of the test's own: a broker outlives tests."""
    return f"test-{uuid.uuid4()}"


def messages(*values: bytes, key: bytes | None = None) -> list[Message]:
    """Messages without headers."""
    return [Message(value, {}, key) for value in values]


def read_all(log: EventLog, topic: str) -> list[StoredMessage]:
    """Everything in the topic, partition after partition."""
    found: list[StoredMessage] = []
    for partition, end in log.end_offsets(topic).items():
        offset = 0
        while offset < end:
            found += log.read(topic, partition, offset, 1_000)
            offset = found[-1].offset + 1
    return found


def test_messages_come_back_in_order_with_gap_free_offsets(event_log, topic):
    """A partition is a sequence: 0, 1, 2, …"""
    places = event_log.append(topic, messages(b"a", b"b"))
    places += event_log.append(topic, [Message(b"c", {"content-type": "x"}, b"key")])
    assert places == [(0, 0), (0, 1), (0, 2)]
    found = event_log.read(topic, 0, 0, 10)
    assert [stored.message.value for stored in found] == [b"a", b"b", b"c"]
    assert [stored.offset for stored in found] == [0, 1, 2]
    assert found[2].message == Message(b"c", {"content-type": "x"}, b"key")
    assert abs(found[2].appended_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert event_log.end_offsets(topic) == {0: 3}


def test_a_key_keeps_its_order_and_the_others_take_turns(event_log, topic):
    """Order per key is what partitions are for."""
    event_log.create_topic(topic, 3)
    keys = [b"orders", b"payments", b"mail", b"gateway"]
    for number in range(20):
        event_log.append(topic, [Message(b"%d" % number, {}, key) for key in keys])
    found = read_all(event_log, topic)
    for key in keys:
        mine = [stored for stored in found if stored.message.key == key]
        assert len({stored.partition for stored in mine}) == 1
        assert [int(stored.message.value) for stored in mine] == list(range(20))
    turns = event_log.append(topic, messages(*[b"x"] * 6))
    assert sorted(partition for partition, _ in turns) == [0, 0, 1, 1, 2, 2]


def test_reading_is_bounded_but_never_stuck(event_log, topic):
    """At least one message comes, however large it is."""
    event_log.append(topic, messages(b"x" * 100, b"y" * 100, b"z"))
    assert len(event_log.read(topic, 0, 0, 2)) == 2
    assert len(event_log.read(topic, 0, 0, 10, max_bytes=10)) == 1
    assert len(event_log.read(topic, 0, 0, 10, max_bytes=200)) == 2
    assert not event_log.read(topic, 0, 3, 10)


def test_a_reader_sees_what_is_appended_after_it_reached_the_end(event_log, topic):
    """That is what a stream is."""
    event_log.append(topic, messages(b"a"))
    assert len(event_log.read(topic, 0, 0, 10)) == 1
    assert not event_log.read(topic, 0, 1, 10)
    event_log.append(topic, messages(b"b"))
    deadline = time.monotonic() + 10
    found: list[StoredMessage] = []
    while not found and time.monotonic() < deadline:
        found = event_log.read(topic, 0, 1, 10)
    assert [stored.message.value for stored in found] == [b"b"]


def test_what_was_not_committed_is_delivered_again(event_log, topic):
    """Redelivery: the same messages at the same places, as often as they are asked for."""
    event_log.append(topic, messages(*(b"%d" % number for number in range(50))))
    group = f"{topic}-group"
    event_log.commit(group, topic, {0: 20})
    first = event_log.read(topic, 0, event_log.committed(group, topic)[0], 100)
    again = event_log.read(topic, 0, event_log.committed(group, topic)[0], 100)
    assert [stored.offset for stored in first] == list(range(20, 50))
    assert list(first) == list(again)


def test_a_consumer_that_dies_hands_over_what_it_had_not_committed(event_log, topic):
    """Rebalancing: partitions go to another consumer of the group, which goes on from the commits.

    What the first had read and not committed comes again, what it had committed does not.
    """
    event_log.create_topic(topic, 2)
    event_log.append(topic, [Message(b"%d" % n, {}, b"key %d" % (n % 10)) for n in range(200)])
    group, done = f"{topic}-group", []
    # The first consumer dies halfway through each partition.
    for share in (0.5, 1.0):
        offsets = event_log.committed(group, topic)
        for partition, end in event_log.end_offsets(topic).items():
            start = offsets.get(partition, 0)
            reached = start + int((end - start) * share)
            found = event_log.read(topic, partition, start, 1_000)
            assert [stored.offset for stored in found] == list(range(start, end))
            done += [int(s.message.value) for s in found if s.offset < reached]
            event_log.commit(group, topic, {partition: reached})
    assert sorted(done) == list(range(200))


def test_several_partitions_are_read_side_by_side(event_log, topic):
    """Jumping between partitions and back neither loses nor repeats a message."""
    event_log.create_topic(topic, 4)
    for batch in range(25):
        event_log.append(topic, messages(*(b"%d" % (batch * 40 + n) for n in range(40))))
    offsets, found = dict.fromkeys(range(4), 0), []
    while sum(offsets.values()) < 1_000:
        for partition in offsets:
            for stored in event_log.read(topic, partition, offsets[partition], 7):
                assert stored.offset == offsets[partition]
                offsets[partition] += 1
                found.append(int(stored.message.value))
    assert sorted(found) == list(range(1_000))


def test_a_large_batch_is_held_back_until_it_is_stored(event_log, topic):
    """Back-pressure: an append of more than any buffer returns when all of it is durable."""
    batch = messages(*[os.urandom(10_000)] * 20_000)
    places = event_log.append(topic, batch)
    assert event_log.end_offsets(topic) == {0: 20_000}
    assert places == [(0, number) for number in range(20_000)]


def test_a_message_of_ten_megabytes_is_one_message(event_log, topic):
    """A batch may be large."""
    value = os.urandom(10 << 20)
    event_log.append(topic, messages(value))
    [stored] = event_log.read(topic, 0, 0, 1)
    assert stored.message.value == value


def test_an_unknown_topic_is_empty(event_log, topic):
    """A consumer may start before its producer."""
    assert event_log.partitions(topic) == 0
    assert not event_log.read(topic, 0, 0, 1)
    assert event_log.end_offsets(topic) == {}
    assert event_log.committed("group", topic) == {}


def test_commits_are_kept_per_group_and_never_go_back(event_log, topic):
    """A regress names both numbers."""
    event_log.append(topic, messages(b"a"))
    event_log.commit("a", topic, {0: 5})
    event_log.commit("b", topic, {0: 2})
    with pytest.raises(LogError, match="must not go back, got 4 after 5"):
        event_log.commit("a", topic, {0: 4})
    assert event_log.committed("a", topic) == {0: 5}
    assert event_log.committed("b", topic) == {0: 2}


def test_creating_a_topic_again_changes_nothing(event_log, topic):
    """The first number of partitions stands."""
    event_log.create_topic(topic, 2)
    event_log.create_topic(topic, 5)
    assert event_log.partitions(topic) == 2


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(st.binary(max_size=30), max_size=5), max_size=8), st.integers(1, 4))
def test_nothing_is_lost_whatever_the_batches(batches, partitions):
    """Everything appended is read back once, in any shape of batches."""
    log = MemoryLog()
    log.create_topic("t", partitions)
    for batch in batches:
        log.append("t", messages(*batch))
    found = [
        stored.message.value
        for partition in range(partitions)
        for stored in log.read("t", partition, 0, 10**6)
    ]
    assert sorted(found) == sorted(value for batch in batches for value in batch)


def test_a_sqlite_log_that_is_busy_is_waited_for(tmp_path):
    """Slow server: another process holds the file for a while; the append returns when it is in."""
    path = tmp_path / "log.sqlite"
    log = SqliteLog(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.5, other.execute, ["COMMIT"]).start()
    assert log.append("t", messages(b"a", b"b")) == [(0, 0), (0, 1)]
    assert not other.in_transaction, "it could not have been stored before"
    assert len(log.read("t", 0, 0, 10)) == 2


def append_many(path: Path, name: int, count: int) -> None:
    """In a process of its own."""
    log = SqliteLog(path)
    for number in range(count):
        log.append("t", messages(f"{name}-{number}".encode()))


def test_two_processes_append_at_once(tmp_path):
    """Each message gets an offset of its own; the order of each process is kept."""
    path = tmp_path / "log.sqlite"
    SqliteLog(path).close()
    workers = [multiprocessing.Process(target=append_many, args=(path, n, 50)) for n in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    found = SqliteLog(path).read("t", 0, 0, 1_000)
    assert [stored.offset for stored in found] == list(range(100))
    for name in (1, 2):
        mine = [s.message.value for s in found if s.message.value.startswith(b"%d-" % name)]
        assert mine == [f"{name}-{number}".encode() for number in range(50)]


def append_forever(path: Path, acknowledged: Path) -> None:
    """Note each batch only after the log took it."""
    log, batch = SqliteLog(path), 0
    while True:
        log.append("t", messages(*(f"{batch}-{n}".encode() for n in range(10))))
        batch += 1
        acknowledged.write_text(str(batch))


def test_a_killed_writer_leaves_whole_batches_and_all_acknowledged_ones(tmp_path):
    """kill -9 in the middle of appending: a consistent prefix."""
    path, acknowledged = tmp_path / "log.sqlite", tmp_path / "acknowledged"
    writer = multiprocessing.Process(target=append_forever, args=(path, acknowledged))
    writer.start()
    deadline = time.monotonic() + 30
    while not acknowledged.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    found = SqliteLog(path).read("t", 0, 0, 10**6)
    assert len(found) % 10 == 0
    assert len(found) >= 10 * int(acknowledged.read_text() or 0)
    assert [stored.offset for stored in found] == list(range(len(found)))


def test_the_sqlite_log_keeps_everything_when_reopened(tmp_path):
    """Messages, ends and commits."""
    path = tmp_path / "log.sqlite"
    log = SqliteLog(path)
    log.append("t", messages(b"a"))
    log.commit("g", "t", {0: 1})
    log.close()
    again = SqliteLog(path)
    assert again.end_offsets("t") == {0: 1}
    assert again.committed("g", "t") == {0: 1}


def test_a_file_that_is_no_log_is_a_dependency_error(tmp_path):
    """The cause is kept, the sentence names the file."""
    path = tmp_path / "log.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(LogError, match=r"log\.sqlite cannot be opened"):
        SqliteLog(path)


def test_the_url_chooses_the_log(tmp_path):
    """An unknown scheme names the variable and the value."""
    assert isinstance(open_log(load_settings(home=tmp_path)), SqliteLog)
    assert (tmp_path / "log.sqlite").exists()
    assert isinstance(open_log(load_settings(log_url=f"sqlite:///{tmp_path}/x.db")), SqliteLog)
    assert isinstance(open_log(load_settings(log_url="memory:")), MemoryLog)
    assert isinstance(open_log(load_settings(log_url="kafka://127.0.0.1:1")), KafkaLog)
    with pytest.raises(ConfigError, match=r"VIGIL_LOG_URL .*got 'amqp://x'"):
        open_log(load_settings(log_url="amqp://x"))
