"""The intake reads ahead in order, is bounded, and says when the log's end is reached."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from vigil.errors import LogError
from vigil.stores.log import Message, MessageBatch
from vigil.stores.memory_log import MemoryLog
from vigil.stream import intake as intake_module
from vigil.stream.committer import Committer
from vigil.stream.intake import Intake

TOPIC = "t"
NOW = datetime(2026, 1, 5, tzinfo=UTC)


class Offsets:
    """A reader whose reading is the partition and the offsets of its messages."""

    topics = (TOPIC,)

    def read(self, topic, partition, messages: MessageBatch, now_at):
        """As said; the clock is the intake's."""
        assert (topic, now_at) == (TOPIC, NOW)
        return partition, list(messages.offsets)


def log_of(count: int, partitions: int = 1) -> MemoryLog:
    """A log with that many messages of ten bytes, in turns."""
    log = MemoryLog()
    log.create_topic(TOPIC, partitions)
    log.append(TOPIC, [Message(b"0123456789") for _ in range(count)])
    return log


def running(log, offsets=None, reader=None, now_at=NOW) -> Intake:
    """An intake that has begun."""
    intake = Intake(log, reader or Offsets(), offsets or {}, lambda: now_at)
    intake.start()
    return intake


def take_all(intake: Intake) -> list:
    """Everything up to the log's end, one `Taken` each."""
    found = []
    while True:
        taken, at_end = intake.take(0.05)
        if taken:
            found.append(taken)
        elif at_end:
            return found


def test_everything_is_handed_over_once_and_in_order(monkeypatch):
    """However it is cut into reads; offsets say where the next life goes on."""
    monkeypatch.setattr(intake_module, "MESSAGES_PER_READ", 7)
    intake = running(log_of(100, partitions=2))
    found = take_all(intake)
    intake.finish()
    for partition in (0, 1):
        read = [at for taken in found for where, offsets in taken.readings if where == partition
                for at in offsets]  # fmt: skip
        assert read == list(range(50))
    assert found[-1].offsets == {TOPIC: {0: 50, 1: 50}}
    assert sum(taken.messages for taken in found) == 100


def test_it_goes_on_from_the_offsets_given():
    """And leaves the caller's own record of them alone."""
    offsets = {TOPIC: {0: 90}}
    intake = running(log_of(100), offsets)
    [taken] = take_all(intake)
    intake.finish()
    assert taken.readings == [(0, list(range(90, 100)))]
    assert offsets == {TOPIC: {0: 90}}


def test_what_waits_is_bounded(monkeypatch):
    """Nobody takes: the intake reads up to its bound and no further, until somebody does."""
    monkeypatch.setattr(intake_module, "MESSAGES_PER_READ", 1)
    monkeypatch.setattr(intake_module, "BYTES_AHEAD", 50)
    intake = running(log_of(100))
    deadline = time.monotonic() + 10
    while intake._waiting.payload_bytes < 50 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert intake._waiting.messages == 5
    assert sum(taken.messages for taken in take_all(intake)) == 100
    intake.finish()


class Slow(Offsets):
    """A reader that takes its time, at any clock."""

    def read(self, topic, partition, messages: MessageBatch, now_at):
        """As said."""
        time.sleep(0.005)
        return partition, list(messages.offsets)


@pytest.mark.parametrize(("behind_s", "whole"), [(0, False), (60, True)])
def test_a_backlog_is_gathered_into_one_step(monkeypatch, behind_s, whole):
    """What came just now is a step's at once; what has lain in the log waits for all the rest."""
    monkeypatch.setattr(intake_module, "MESSAGES_PER_READ", 1)
    monkeypatch.setattr(intake_module, "SOON_S", 0.0)
    monkeypatch.setattr(intake_module, "GATHER_S", 60.0)
    log = log_of(40)
    now_at = log.read(TOPIC, 0, 0, 1)[0].appended_at + timedelta(seconds=behind_s)
    intake = running(log, reader=Slow(), now_at=now_at)
    taken, _ = intake.take(10.0)
    intake.finish()
    assert (taken.messages == 40) == whole


def test_nothing_is_waited_for_at_the_end():
    """Who wants no more than what is there now is not kept waiting."""
    intake = running(log_of(3))
    assert intake.take(600.0, to_end=True)[0].messages == 3
    assert intake.take(600.0, to_end=True) == (None, True)
    intake.finish()


def test_what_reading_raises_is_raised_where_it_is_taken():
    """A log that is down ends the scorer, not a thread that nobody looks at."""

    class Broken(Offsets):
        def read(self, topic, partition, messages, now_at):
            raise LogError("gone")

    intake = running(log_of(1), reader=Broken())
    with pytest.raises(LogError, match="gone"):
        intake.take(10.0)
    intake.finish()


def test_commits_run_one_after_the_other_and_a_failure_stops_them():
    """The one after a failed commit never begins."""
    committer, done, go_on = Committer(), [], threading.Event()

    def first() -> None:
        go_on.wait(10)
        done.append("first")

    def broken() -> None:
        raise LogError("commit")

    committer.submit(first)
    assert done == []
    go_on.set()
    committer.submit(broken)
    assert done == ["first"]
    with pytest.raises(LogError, match="commit"):
        committer.submit(lambda: done.append("after"))
    committer.close()
    assert done == ["first"]


def test_at_the_logs_end_a_taker_waits_for_what_comes():
    """It does not turn in circles until then."""
    log = log_of(1)
    intake = running(log)
    take_all(intake)
    appender = threading.Timer(0.3, lambda: log.append(TOPIC, [Message(b"later")]))
    appender.start()
    taken, _ = intake.take(30.0)
    appender.join()
    intake.finish()
    assert taken is not None
    assert taken.messages == 1
