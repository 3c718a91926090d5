"""What many senders hand in, stored together: the next group is decoded while one is written."""

import asyncio
import threading
from datetime import UTC, datetime

import orjson
import polars as pl
import pytest

from vigil.collect.receive.cardinality import KeyLimit
from vigil.collect.receive.group_commit import GroupCommit
from vigil.collect.receive.limits import TryLater
from vigil.errors import LogError
from vigil.events.content import JSON
from vigil.events.decode import Payload, decode
from vigil.events.rules import Limits
from vigil.events.schema import EVENTS, TOPIC_EVENTS
from vigil.stores.memory_log import MemoryLog


class HeldLog(MemoryLog):
    """Every append waits until it is let go, and may fail."""

    def __init__(self):
        super().__init__()
        self.under_way, self.go_on = threading.Event(), threading.Event()
        self.fails = False

    def append(self, topic, messages):
        """As the log does, when it is let."""
        self.under_way.set()
        assert self.go_on.wait(30)
        if self.fails:
            self.fails = False
            raise LogError("disk full")
        return super().append(topic, messages)


@pytest.fixture
def held():
    """A log that is told when to write."""
    return HeldLog()


class Decoded(KeyLimit):
    """Counts the groups that were decoded; limits nothing."""

    groups = 0

    def apply(self, records: pl.DataFrame) -> pl.DataFrame:
        """The last step of decoding."""
        Decoded.groups += 1
        return records


async def until(condition) -> None:
    """Returns once it holds."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def two_groups(event_log: HeldLog) -> list:
    """What is told to two senders: the second comes while the first one's event is written."""
    Decoded.groups = 0
    commit = GroupCommit(event_log, Limits(), Decoded())
    running = asyncio.create_task(commit.run())
    first = asyncio.create_task(store(commit, "/first"))
    await until(event_log.under_way.is_set)
    second = asyncio.create_task(store(commit, "/second"))
    await until(lambda: Decoded.groups == 2)
    assert not first.done()
    assert not second.done()
    commit.stop()
    event_log.go_on.set()
    await running
    return await asyncio.gather(first, second, return_exceptions=True)


async def store(commit: GroupCommit, route: str):
    """An event that somebody hands in."""
    event = {"time": "2026-03-02T12:00:00Z", "service": "shop", "route": route, "duration_ms": 1}
    return await commit.store(TOPIC_EVENTS, JSON, orjson.dumps(event), None)


def routes(event_log: MemoryLog) -> list[str]:
    """Of the events in the log, in its order."""
    payloads = [
        Payload(stored.message.headers["content-type"], stored.message.value, "")
        for stored in event_log.read(TOPIC_EVENTS, 0, 0, 10)
    ]
    return decode(payloads, EVENTS, datetime.now(UTC), Limits()).records["route"].to_list()


def test_a_group_is_decoded_while_another_is_written(held):
    """Both are told only when they are durable, and a stop waits for both."""
    told = asyncio.run(two_groups(held))
    assert [outcome.accepted for outcome in told] == [1, 1]
    assert routes(held) == ["/first", "/second"]


def test_a_group_that_cannot_be_written_fails_alone(held):
    """Its senders are told to come again; the one behind it is stored."""
    held.fails = True
    first, second = asyncio.run(two_groups(held))
    assert isinstance(first, TryLater)
    assert (second.accepted, second.rejected) == (1, 0)
    assert routes(held) == ["/second"]
