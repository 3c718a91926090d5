"""Payloads of many requests, stored together: decoded, checked and appended as one.

While one group is being made durable the next one is decoded, and a third gathers. So under load a
write of the log is shared by all who wait, and alone a request waits for nobody.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import polars as pl

from vigil.collect.metrics.rates import CounterRates
from vigil.collect.receive.cardinality import KeyLimit
from vigil.collect.receive.limits import TryLater
from vigil.errors import LogError
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.dead_letters import dead_letter_lines, describe
from vigil.events.decode import Limits, Payload, decode
from vigil.events.schema import SCHEMA_OF_TOPIC, TOPIC_DEAD_LETTERS, TOPIC_METRICS
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.log import EventLog, Message

log = logging.getLogger("vigil.collect")

# Larger ones are hardly cheaper to decode, and all senders would wait for the same one.
GROUP_BYTES = 2 << 20
GROUP_PAYLOADS = 512
LOG_DOWN_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a payload once it is durable. `refused`: why nothing of it could be read;
    `reason`: what the first rejected record broke.
    """

    accepted: int
    rejected: int
    reason: str = ""
    refused: str = ""


@dataclass(slots=True)
class _Waiting:
    topic: str
    content_type: str
    value: bytes
    tenant: str | None
    place: str
    done: asyncio.Future[Outcome]


@dataclass(frozen=True, slots=True)
class _DecodedTopic:
    topic: str
    records: pl.DataFrame
    dead: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _DecodedGroup:
    """What is to be appended, and what each sender is told once it is."""

    topics: list[_DecodedTopic]
    outcomes: list[Outcome]


@dataclass(slots=True)
class GroupCommit:
    """Stores payloads in an event log; used within one event loop.

    `counters`: accepted + dead = records read, over its life.
    """

    event_log: EventLog
    limits: Limits
    key_limit: KeyLimit = field(default_factory=KeyLimit)
    rates: CounterRates = field(default_factory=CounterRates)
    counters: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("payloads", "accepted", "dead", "refused"), 0)
    )
    _waiting: deque[_Waiting] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    # Dead letters are named by it: unique over restarts and receivers.
    _name: str = field(default_factory=lambda: secrets.token_hex(4))
    _stopping: bool = False

    async def store(
        self, topic: str, content_type: str, value: bytes, tenant: str | None
    ) -> Outcome:
        """Returns once every record is in the log or a dead letter is.

        `tenant` replaces the one that records name. Raises TryLater when the log is down.
        """
        number = self.counters["payloads"]
        self.counters["payloads"] += 1
        place = f"collector {self._name}, request {number}"
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(topic, content_type, value, tenant, place, done))
        self._wake.set()
        return await done

    async def run(self) -> None:
        """Store what waits until `stop`, then what is left."""
        # One of each: two groups decoded at once are smaller ones, and cost more than they gain.
        with (
            ThreadPoolExecutor(1, "decode") as decoding,
            ThreadPoolExecutor(1, "append") as writing,
        ):
            await self._store_groups(decoding, writing)

    def stop(self) -> None:
        """Let `run` end once nothing waits."""
        self._stopping = True
        self._wake.set()

    async def _store_groups(self, decoding: Executor, writing: Executor) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            before: asyncio.Task[None] | None = None
            while await self._somebody_waits():
                group = self._take_group()
                with _answering_failure(group):
                    decoded = await loop.run_in_executor(decoding, self._decode, group)
                    if before is not None:
                        await before
                    before = tasks.create_task(self._answer(group, decoded, writing))

    async def _somebody_waits(self) -> bool:
        """True once a payload waits; False when there will be none."""
        while not self._waiting:
            if self._stopping:
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    async def _answer(
        self, group: Sequence[_Waiting], decoded: _DecodedGroup, writing: Executor
    ) -> None:
        """Make a group durable, then tell its senders."""
        with _answering_failure(group):
            await asyncio.get_running_loop().run_in_executor(writing, self._append, decoded)
            _resolve(group, decoded.outcomes)

    def _take_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._waiting and len(group) < GROUP_PAYLOADS:
            size += len(self._waiting[0].value)
            if group and size > GROUP_BYTES:
                break
            group.append(self._waiting.popleft())
        return group

    def _decode(self, group: Sequence[_Waiting]) -> _DecodedGroup:
        """What the group holds, checked and bounded; its outcomes in the group's order."""
        outcomes: dict[int, Outcome] = {}
        topics = []
        for topic in dict.fromkeys(item.topic for item in group):
            numbers = [n for n, item in enumerate(group) if item.topic == topic]
            found, told = self._decode_topic(topic, [group[n] for n in numbers])
            outcomes |= zip(numbers, told, strict=True)
            topics.append(found)
        return _DecodedGroup(topics, [outcomes[n] for n in range(len(group))])

    def _decode_topic(
        self, topic: str, items: Sequence[_Waiting]
    ) -> tuple[_DecodedTopic, list[Outcome]]:
        payloads = [Payload(item.content_type, item.value, item.place) for item in items]
        decoded = decode(payloads, SCHEMA_OF_TOPIC[topic], datetime.now(UTC), self.limits)
        records = _owned(decoded.records, decoded.source, [item.tenant for item in items])
        if topic == TOPIC_METRICS:
            records = self.rates.apply(records)
        records = self.key_limit.apply(records)
        outcomes = _outcomes(len(items), decoded.source, decoded.dead)
        return _DecodedTopic(topic, records, decoded.dead), outcomes

    def _append(self, decoded: _DecodedGroup) -> None:
        """Dead letters first: a record that is told to be stored has none left to write."""
        for found in decoded.topics:
            if found.dead.height:
                letters = Message(dead_letter_lines(found.dead), {CONTENT_TYPE: NDJSON})
                self.event_log.append(TOPIC_DEAD_LETTERS, [letters])
            if found.records.height:
                table = found.records.to_arrow().cast(SCHEMA_OF_TOPIC[found.topic])
                self.event_log.append(found.topic, arrow_messages(table))
        for outcome in decoded.outcomes:
            self.counters["accepted"] += outcome.accepted
            self.counters["dead"] += outcome.rejected
            self.counters["refused"] += bool(outcome.refused)


def _owned(
    records: pl.DataFrame, source: np.ndarray, tenants: Sequence[str | None]
) -> pl.DataFrame:
    """Records that belong to the tenant of their sender, where the sender is bound to one."""
    if not any(tenants):
        return records
    bound = pl.Series("tenant", tenants, pl.String).gather(pl.Series(source, dtype=pl.UInt32))
    return records.with_columns(pl.coalesce(bound, pl.col("tenant")).alias("tenant"))


def _outcomes(count: int, source: np.ndarray, dead: pl.DataFrame) -> list[Outcome]:
    accepted = np.bincount(source, minlength=count)
    if dead.is_empty():
        return [Outcome(number, 0) for number in accepted.tolist()]
    outcomes = []
    first = {row["payload"]: row for row in dead.reverse().iter_rows(named=True)}
    rejected = np.bincount(dead["payload"].to_numpy(), minlength=count)
    for number in range(count):
        row = first.get(number)
        # Line 0 is the payload as a whole.
        refused = describe(row) if row and row["line"] == 0 else ""
        reason = describe(row) if row else ""
        outcomes.append(Outcome(int(accepted[number]), int(rejected[number]), reason, refused))
    return outcomes


@contextmanager
def _answering_failure(group: Sequence[_Waiting]) -> Iterator[None]:
    """The group's senders are told what went wrong; it ends there."""
    try:
        yield
    except LogError as error:
        log.error("%d requests are told to come again: %s", len(group), error)
        later = TryLater(str(error), LOG_DOWN_RETRY_S, down=True)
        _resolve(group, [later] * len(group))
    except Exception as error:
        # A fault of ours must not leave senders waiting, nor end the receiver.
        log.exception("a group of %d requests failed", len(group))
        _resolve(group, [error] * len(group))


def _resolve(group: Sequence[_Waiting], results: Sequence[Outcome | Exception]) -> None:
    for item, result in zip(group, results, strict=True):
        # A sender that has gone does not wait any more; what it sent is stored.
        if item.done.done():
            continue
        if isinstance(result, Exception):
            item.done.set_exception(result)
        else:
            item.done.set_result(result)
