"""The event log on Apache Kafka.

Topics that Vigil makes accept messages of 16 MB, since a message carries a batch. An append returns
once all in-sync replicas have every message (idempotent producer, acks=all). Readers fetch ahead in
the background and keep their own position; a group's offsets are kept on the broker, where Kafka's
tools show its lag.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from logging import getLogger
from typing import Any

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from vigil.errors import ConfigError, LogError
from vigil.stores.kafka_address import parse_address
from vigil.stores.kafka_ahead import FetchedAhead
from vigil.stores.kafka_clients import (
    BUFFERED_BYTES,
    CONSUMING,
    DELIVERY_S,
    FETCH_MESSAGES,
    GONE,
    MAX_MESSAGE_BYTES,
    PRODUCING,
    REQUEST_S,
    Place,
    client_settings,
    code_of,
    produce,
    text_of,
)
from vigil.stores.kafka_columns import batch_of
from vigil.stores.librdkafka import ColumnConsumer
from vigil.stores.log import Message, MessageBatch

log = getLogger("vigil.kafka")

# How long an answer of "nothing new" may take when the end has not been seen yet.
READ_S = 5.0
METADATA_AGE_S = 5.0

_DOWN = (
    ck.KafkaError._ALL_BROKERS_DOWN,
    ck.KafkaError._TRANSPORT,
    ck.KafkaError._RESOLVE,
)
# Answers to a client whose view of the cluster is older than the last election.
_STALE = (
    ck.KafkaError.FENCED_LEADER_EPOCH,
    ck.KafkaError.UNKNOWN_LEADER_EPOCH,
    ck.KafkaError.NOT_LEADER_FOR_PARTITION,
    ck.KafkaError.LEADER_NOT_AVAILABLE,
    ck.KafkaError.NOT_COORDINATOR,
    ck.KafkaError.COORDINATOR_NOT_AVAILABLE,
    ck.KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
_REFUSED = (ck.KafkaError._AUTHENTICATION, ck.KafkaError._SSL)


class KafkaLog:
    """An `EventLog` on brokers; an instance may be shared by threads."""

    def __init__(self, url: str) -> None:
        self._address = parse_address(url)
        # A reader that waits for the brokers must not hold up who appends.
        self._producing, self._consuming = threading.Lock(), threading.RLock()
        self._errors: deque[ck.KafkaError] = deque(maxlen=20)
        self._common = common = client_settings(self._address, self._errors.append)
        try:
            self._admin = AdminClient(common)
            self._producer = ck.Producer(common | PRODUCING)
        except ck.KafkaException as error:
            raise ConfigError(f"VIGIL_LOG_URL {self._address.shown}: {text_of(error)}") from error
        self._parts: dict[Place, FetchedAhead] = {}
        self._turns: dict[str, int] = {}
        self._metadata: tuple[float, dict[str, int]] = (-METADATA_AGE_S, {})
        self._commits: dict[tuple[str, str], dict[int, int]] = {}

    @cached_property
    def _consumer(self) -> ColumnConsumer:
        """Connects when something is first read: who only appends needs none."""
        settings = self._common | CONSUMING | {"group.id": "vigil"}
        try:
            return ColumnConsumer(settings, FETCH_MESSAGES)
        except ck.KafkaException as error:
            raise ConfigError(f"VIGIL_LOG_URL {self._address.shown}: {text_of(error)}") from error

    def create_topic(self, topic: str, partitions: int = 1) -> None:
        """See `EventLog`."""
        if self.partitions(topic):
            return
        new = NewTopic(
            topic,
            num_partitions=max(partitions, self._address.partitions),
            replication_factor=self._address.replicas,
            config={"max.message.bytes": str(MAX_MESSAGE_BYTES)},
        )
        try:
            create = self._admin.create_topics
            self._ask(lambda: create([new], request_timeout=REQUEST_S)[topic].result())
        except LogError as error:
            cause = error.__cause__
            code = code_of(cause) if isinstance(cause, ck.KafkaException) else None
            if code != ck.KafkaError.TOPIC_ALREADY_EXISTS:
                raise
        deadline = time.monotonic() + REQUEST_S
        while not self._topics(fresh=True).get(topic):
            if time.monotonic() > deadline:
                raise self._failure(f"topic {topic} was made but does not appear")
            time.sleep(0.02)

    def partitions(self, topic: str) -> int:
        """See `EventLog`; what the brokers said at most five seconds ago."""
        return self._topics().get(topic) or self._topics(fresh=not self._is_recent(0.5)).get(
            topic, 0
        )

    def _is_recent(self, age_s: float) -> bool:
        return time.monotonic() - self._metadata[0] < age_s

    def _topics(self, fresh: bool = False) -> dict[str, int]:
        if fresh or not self._is_recent(METADATA_AGE_S):
            # All topics at once: asking for a missing one by name might create it.
            found = self._ask(lambda: self._admin.list_topics(timeout=REQUEST_S)).topics
            counts = {name: len(topic.partitions) for name, topic in found.items()}
            self._metadata = (time.monotonic(), counts)
        return self._metadata[1]

    def append(self, topic: str, messages: Sequence[Message]) -> list[tuple[int, int]]:
        """See `EventLog`; on failure some of the messages may have been stored."""
        self.create_topic(topic)
        partitions = self.partitions(topic)
        places: list[tuple[int, int]] = [(-1, -1)] * len(messages)
        failures: list[ck.KafkaError] = []
        with self._producing:
            for number, message in enumerate(messages):
                self._produce(topic, message, partitions, self._noter(places, number, failures))
            unsent = self._producer.flush(DELIVERY_S + REQUEST_S)
        if failures or unsent:
            reason = failures[0].str() if failures else f"{unsent} messages unsent"
            raise self._failure(f"{len(failures) or unsent} of {len(messages)} refused: {reason}")
        return places

    def _produce(
        self, topic: str, message: Message, partitions: int, note: Callable[..., None]
    ) -> None:
        arguments: dict[str, Any] = {"on_delivery": note}
        if message.key is None:
            turn = self._turns.get(topic, 0)
            self._turns[topic] = turn + 1
            arguments["partition"] = turn % partitions
        try:
            produce(self._producer, topic, message, **arguments)
        except ck.KafkaException as error:
            raise self._failure(text_of(error)) from error

    def _noter(
        self, places: list[tuple[int, int]], number: int, failures: list[ck.KafkaError]
    ) -> Callable[[ck.KafkaError | None, ck.Message], None]:
        def note(error: ck.KafkaError | None, stored: ck.Message) -> None:
            if error is not None:
                failures.append(error)
            else:
                places[number] = (int(stored.partition() or 0), int(stored.offset() or 0))

        return note

    def read(
        self, topic: str, partition: int, offset: int, max_messages: int, max_bytes: int = 64 << 20
    ) -> MessageBatch:
        """See `EventLog`.

        Messages that retention has deleted are skipped, with an error in the log that says how
        many. A server that is slow gives an empty answer after five seconds, one that is down an
        error.
        """
        if partition >= self.partitions(topic):
            return MessageBatch.of([])
        with self._consuming:
            part = self._positioned(topic, partition, offset)
            deadline = time.monotonic() + READ_S
            # What is enough is not added to: the client fetches ahead by itself, within its bounds.
            while part.buffered < max_messages and part.buffered_bytes < max_bytes:
                if self._fetch(part, 0) < FETCH_MESSAGES:
                    break
            while not part.fetched and not part.end_seen and time.monotonic() < deadline:
                self._fetch(part, 0.05)
                self._raise_if_refused()
            if not part.fetched and not part.end_seen:
                self._raise_if_down()
            return self._take(topic, partition, part, max_messages, max_bytes)

    def _positioned(self, topic: str, partition: int, offset: int) -> FetchedAhead:
        """The partition, fetching from `offset` on."""
        place = (topic, partition)
        part = self._parts.get(place)
        if part is not None and part.taken_to == offset:
            return part
        return self._assign(topic, partition, offset)

    def _assign(self, topic: str, partition: int, offset: int) -> FetchedAhead:
        """Fetch the partition from `offset` on, forgetting what was fetched before."""
        part = self._parts.setdefault((topic, partition), FetchedAhead(offset, offset))
        try:
            if part.assigned:
                self._consumer.unassign(topic, partition)
            self._consumer.assign(topic, partition, offset)
        except ck.KafkaException as error:
            raise self._failure(text_of(error)) from error
        part.restart(offset)
        return part

    def _fetch(self, asked: FetchedAhead, timeout_s: float) -> int:
        """Sort what has arrived into the partitions' buffers; returns how much it was.

        Partitions that have much and are not asked for are paused. The one that is asked for never
        is: the client throws away what it has of one that pauses, and begins anew only after half
        a second.
        """
        arrived = self._consumer.consume(FETCH_MESSAGES, 0)
        if timeout_s and not arrived:
            # Asked for many, it would wait all that time for more.
            arrived = self._consumer.consume(1, timeout_s)
            arrived += self._consumer.consume(FETCH_MESSAGES, 0)
        for run in arrived:
            part = self._parts.get((run.topic, run.partition))
            if run.error is not None:
                self._note((run.topic, run.partition), part, run.error)
            elif part is not None:
                part.keep(run)
        for place, part in self._parts.items():
            much = part.buffered_bytes > BUFFERED_BYTES
            if much and part is not asked and not part.paused:
                self._consumer.pause(*place)
                part.paused = True
        return sum(map(len, arrived))

    def _note(self, place: Place, part: FetchedAhead | None, error: ck.KafkaError) -> None:
        if part is None:
            self._errors.append(error)
        elif error.code() == ck.KafkaError._PARTITION_EOF:
            part.end_seen = True
        elif error.code() in GONE:
            topic, partition = place
            low, high = (
                self._offsets(topic, [partition], which)[partition]
                for which in (OffsetSpec.earliest(), OffsetSpec.latest())
            )
            if part.next_offset > high:
                raise self._failure(
                    f"{topic}/{partition} ends at {high}, asked for {part.next_offset}: "
                    "the topic was made anew"
                )
            if part.next_offset:
                lost = low - part.next_offset
                log.error(
                    "%s/%d: retention has deleted %d messages that were not read", *place, lost
                )
            self._assign(*place, low)
        else:
            self._errors.append(error)

    def _take(
        self, topic: str, partition: int, part: FetchedAhead, max_messages: int, max_bytes: int
    ) -> MessageBatch:
        taken = part.hand_out(max_messages, max_bytes)
        if part.paused and part.buffered_bytes < BUFFERED_BYTES // 2:
            self._consumer.resume(topic, partition)
            part.paused = False
        return batch_of(topic, partition, taken)

    def end_offsets(self, topic: str) -> dict[int, int]:
        """See `EventLog`."""
        return self._offsets(topic, range(self.partitions(topic)), OffsetSpec.latest())

    def _offsets(self, topic: str, partitions: Iterable[int], which: OffsetSpec) -> dict[int, int]:
        wanted = {ck.TopicPartition(topic, number): which for number in partitions}
        return self._ask(lambda: self._listed(wanted)) if wanted else {}

    def _listed(self, wanted: dict[ck.TopicPartition, OffsetSpec]) -> dict[int, int]:
        futures = self._admin.list_offsets(wanted, request_timeout=REQUEST_S)
        return {place.partition: found.result().offset for place, found in futures.items()}

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """See `EventLog`."""
        before = self._commits.get((group, topic)) or self.committed(group, topic)
        for partition, offset in offsets.items():
            if offset < before.get(partition, 0):
                raise LogError(
                    f"offset of {group} must not go back, got {offset} after {before[partition]}"
                    f" (topic {topic}, partition {partition})"
                )
        if not offsets:
            return
        self.create_topic(topic, max(offsets) + 1)
        places = [ck.TopicPartition(topic, number, at) for number, at in offsets.items()]
        request = ck.ConsumerGroupTopicPartitions(group, places)
        change = self._admin.alter_consumer_group_offsets
        self._ask(lambda: change([request], request_timeout=REQUEST_S)[group].result())
        self._commits[group, topic] = {**before, **offsets}

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """See `EventLog`."""
        places = [ck.TopicPartition(topic, number) for number in range(self.partitions(topic))]
        if not places:
            return {}
        request = ck.ConsumerGroupTopicPartitions(group, places)
        query = self._admin.list_consumer_group_offsets
        found = self._ask(lambda: query([request], request_timeout=REQUEST_S)[group].result())
        return {
            place.partition: place.offset for place in found.topic_partitions if place.offset >= 0
        }

    def close(self) -> None:
        """See `EventLog`."""
        with self._consuming:
            self._producer.flush(1.0)
            if "_consumer" in self.__dict__:
                self._consumer.close()

    def _ask(self, call: Callable[[], Any]) -> Any:
        """The answer; asked again after a look at the cluster while it has only just changed."""
        deadline = time.monotonic() + REQUEST_S
        while True:
            try:
                return call()
            except ck.KafkaException as error:
                if code_of(error) not in _STALE or time.monotonic() > deadline:
                    raise self._failure(text_of(error)) from error
            time.sleep(0.05)
            self._topics(fresh=True)

    def _failure(self, reason: str) -> LogError:
        """The error to raise; a refused login or certificate is a better reason than a timeout."""
        # Callbacks are only called while polling.
        self._admin.poll(0)
        self._producer.poll(0)
        refused = [error.str() for error in self._errors if error.code() in _REFUSED]
        return LogError(
            f"the event log {self._address.shown}: {refused[-1] if refused else reason}"
        )

    def _raise_if_refused(self) -> None:
        if any(error.code() in _REFUSED for error in self._errors):
            raise self._failure("login refused")

    def _raise_if_down(self) -> None:
        self._ask(lambda: self._admin.list_topics(timeout=1.0))
