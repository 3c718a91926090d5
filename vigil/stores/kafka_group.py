"""A member of a Kafka consumer group: what it makes of the messages is committed with its progress.

Kafka's own protocol shares the partitions out among the members and takes them back. One
transaction has the messages that a member writes, the next offset of each partition, and a note
with each offset. The next holder of the partition is given that note, whether the last one has left
or was killed; a member that lost its partitions unawares cannot commit any more.

Two clients make a member: one belongs to the group and is fetched nothing by, the other reads what
the group has given to the first, in columns.
"""

import os
import socket
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from logging import getLogger
from typing import Protocol

import confluent_kafka as ck

from vigil.errors import LogError
from vigil.stores.kafka_address import parse_address
from vigil.stores.kafka_clients import (
    CONSUMING,
    FETCH_MESSAGES,
    GONE,
    PRODUCING,
    REQUEST_S,
    Place,
    client_settings,
    produce,
    text_of,
)
from vigil.stores.kafka_columns import Run, batch_of
from vigil.stores.librdkafka import ColumnConsumer
from vigil.stores.log import Message, MessageBatch

log = getLogger("vigil.kafka")

# A member that is not heard of for so long is gone. A transaction that it has left open ends then.
SESSION_S = 10.0
# Small messages are read together where there is a backlog.
MESSAGES_AT_ONCE = 80_000
# While the group takes in members, a commit may be refused for a moment.
ATTEMPTS, ATTEMPT_S = 5, 0.2


@dataclass(frozen=True, slots=True)
class Noted:
    """The next offset to read, and what its committer wanted remembered with it."""

    offset: int
    note: str


class Holder(Protocol):
    """Is told which partitions are its own; may commit while it is told."""

    def assigned(self, found: Mapping[Place, Noted | None]) -> Mapping[Place, int]:
        """These are its own from now on, None where none was ever committed; returns the offset
        to read each from.
        """
        ...

    def revoked(self, places: Sequence[Place]) -> None:
        """These go to another member; until this returns they are still its own."""
        ...

    def lost(self, places: Sequence[Place]) -> None:
        """These are another member's already."""
        ...


class KafkaGroup:
    """One member of `group`, for one thread. `at_end`: partitions without a message to come yet.

    All methods raise LogError when the brokers cannot be reached or refuse; what the member has in
    memory is void then, and a new one has to begin with what was committed.
    """

    def __init__(self, url: str, group: str, topics: Sequence[str], holder: Holder) -> None:
        self._address = parse_address(url)
        self._holder = holder
        self.at_end: set[Place] = set()
        self._errors: deque[ck.KafkaError] = deque(maxlen=20)
        common = client_settings(self._address, self._errors.append)
        name = f"{group}-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        transactions = {
            "transactional.id": name,
            "transaction.timeout.ms": int(SESSION_S * 1000),
            "message.timeout.ms": int(SESSION_S * 1000),
            "retry.backoff.ms": 10,
        }
        membership = {
            "group.id": group,
            "enable.partition.eof": False,
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": int(SESSION_S * 1000),
        }
        try:
            self._producer = ck.Producer(common | PRODUCING | transactions)
            self._reader = ColumnConsumer(common | CONSUMING | {"group.id": group}, FETCH_MESSAGES)
            self._member = ck.Consumer(common | CONSUMING | membership)
            self._producer.init_transactions(REQUEST_S)
            self._member.subscribe(
                list(topics),
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
        except ck.KafkaException as error:
            raise self._failure(error) from error

    def _on_assign(self, consumer: ck.Consumer, parts: list[ck.TopicPartition]) -> None:
        committed = consumer.committed(parts, REQUEST_S) if parts else []
        places = self._holder.assigned(
            {
                (part.topic, part.partition): Noted(part.offset, part.metadata or "")
                if part.offset >= 0
                else None
                for part in committed
            }
        )
        own = [ck.TopicPartition(*place, ck.OFFSET_END) for place in places]
        consumer.incremental_assign(own)
        consumer.pause(own)
        for place, at in places.items():
            self._reader.assign(*place, at)

    def _on_revoke(self, consumer: ck.Consumer, parts: list[ck.TopicPartition]) -> None:
        self._holder.revoked(self._drop(parts))
        consumer.incremental_unassign(parts)

    def _on_lost(self, consumer: ck.Consumer, parts: list[ck.TopicPartition]) -> None:
        self._holder.lost(self._drop(parts))
        consumer.incremental_unassign(parts)

    def _drop(self, parts: list[ck.TopicPartition]) -> list[Place]:
        places = [(part.topic, part.partition) for part in parts]
        for place in places:
            self._reader.unassign(*place)
        self.at_end.difference_update(places)
        return places

    def read(self, timeout_s: float) -> dict[Place, MessageBatch]:
        """What has come within the time, oldest first in each partition. The holder is told of
        its partitions meanwhile.
        """
        found: dict[Place, list[Run]] = {}
        try:
            said = self._member.poll(0)
            if said is not None and (error := said.error()) is not None:
                self._note((said.topic() or "", said.partition() or 0), error)
            for run in self._arrived(timeout_s):
                place = run.topic, run.partition
                if run.error is not None:
                    self._note(place, run.error)
                else:
                    self.at_end.discard(place)
                    found.setdefault(place, []).append(run)
        except ck.KafkaException as failed:
            raise self._failure(failed) from failed
        return {place: batch_of(*place, runs) for place, runs in found.items()}

    def _arrived(self, timeout_s: float) -> list[Run]:
        arrived = self._reader.consume(FETCH_MESSAGES, timeout_s)
        count = more = sum(map(len, arrived))
        while more == FETCH_MESSAGES and count < MESSAGES_AT_ONCE:
            runs = self._reader.consume(FETCH_MESSAGES, timeout_s)
            arrived += runs
            more = sum(map(len, runs))
            count += more
        return arrived

    def _note(self, place: Place, error: ck.KafkaError) -> None:
        if error.code() == ck.KafkaError._PARTITION_EOF:
            self.at_end.add(place)
        elif error.code() in GONE:
            low, _ = self._member.get_watermark_offsets(
                ck.TopicPartition(*place), timeout=REQUEST_S
            )
            self._reader.unassign(*place)
            self._reader.assign(*place, low)
            log.error("%s/%d: retention has deleted messages before %d", *place, low)
        else:
            raise LogError(f"the event log {self._address.shown}: {error.str()}")

    def commit(self, outputs: Sequence[tuple[str, Message]], noted: Mapping[Place, Noted]) -> None:
        """Write the messages, in this order, and the offsets with their notes: all or nothing.

        All go to the first partition of their topics, so that there is one order among members.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._transact(outputs, noted)
                return
            except ck.KafkaException as error:
                cause = error.args[0]
                if not cause.txn_requires_abort():
                    raise self._failure(error) from error
                self._abort()
                if attempt == ATTEMPTS:
                    raise self._failure(error) from error
                time.sleep(ATTEMPT_S)

    def _transact(
        self, outputs: Sequence[tuple[str, Message]], noted: Mapping[Place, Noted]
    ) -> None:
        self._producer.begin_transaction()
        for topic, message in outputs:
            produce(self._producer, topic, message, partition=0)
        offsets = [
            ck.TopicPartition(*place, at.offset, metadata=at.note) for place, at in noted.items()
        ]
        # Asked for each time: it is refused where the group has gone on without this member.
        member = self._member.consumer_group_metadata()
        self._producer.send_offsets_to_transaction(offsets, member, REQUEST_S)
        self._producer.commit_transaction(REQUEST_S)

    def _abort(self) -> None:
        try:
            self._producer.abort_transaction(REQUEST_S)
        except ck.KafkaException as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Leave the group."""
        self._member.close()
        self._reader.close()

    def _failure(self, error: ck.KafkaException) -> LogError:
        return LogError(f"the event log {self._address.shown}: {text_of(error)}")
