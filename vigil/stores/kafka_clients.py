"""What Vigil's Kafka clients share: their settings, and Kafka's messages and errors as Vigil's."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

import confluent_kafka as ck

from vigil.events.content import CONTENT_TYPE
from vigil.stores.kafka_address import KafkaAddress
from vigil.stores.log import Message, MessageBatch, StoredMessage

MAX_MESSAGE_BYTES = 16 << 20
REQUEST_S = 10.0
DELIVERY_S = 30.0
# Of a partition that is not asked for, no more than this is kept in memory.
BUFFERED_BYTES = 64 << 20
FETCH_MESSAGES = 10_000

PRODUCING: dict[str, Any] = {
    "enable.idempotence": True,
    "partitioner": "murmur2_random",
    "linger.ms": 2,
    "compression.type": "lz4",
    "message.max.bytes": MAX_MESSAGE_BYTES,
    "message.timeout.ms": int(DELIVERY_S * 1000),
}
CONSUMING: dict[str, Any] = {
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    # What an aborted transaction left behind is never seen.
    "isolation.level": "read_committed",
    "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
    "queued.max.messages.kbytes": BUFFERED_BYTES >> 10,
    "fetch.wait.max.ms": 100,
    # librdkafka waits a second by default once its buffer was full, however fast it empties.
    "fetch.queue.backoff.ms": 10,
}

# Topic and partition.
Place = tuple[str, int]

# A partition does not have what was asked for any more.
GONE = (ck.KafkaError.OFFSET_OUT_OF_RANGE, ck.KafkaError._AUTO_OFFSET_RESET)


def client_settings(
    address: KafkaAddress, on_error: Callable[[ck.KafkaError], None]
) -> dict[str, Any]:
    """Of every client, whatever it does."""
    return {
        **address.client,
        "client.id": "vigil",
        "error_cb": on_error,
        "socket.timeout.ms": int(REQUEST_S * 1000),
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 2,
    }


def produce(producer: ck.Producer, topic: str, message: Message, **arguments: Any) -> None:
    """Hand a message to the client, which sends it by itself; raises KafkaException.

    arguments: those of `Producer.produce`.
    """
    headers: list[tuple[str, str | bytes | None]] = list(message.headers.items())
    while True:
        try:
            producer.produce(topic, message.value, message.key, headers=headers, **arguments)
            return
        except BufferError:
            # The queue is full: wait for the brokers, which is the back-pressure.
            producer.poll(0.1)


def by_place(arrived: list[ck.Message]) -> Iterator[tuple[Place, bool, list[ck.Message]]]:
    """Runs of one partition, oldest first, and whether they are errors there, not messages."""
    places = set(
        zip(map(ck.Message.topic, arrived), map(ck.Message.partition, arrived), strict=True)
    )
    if len(places) == 1 and set(map(ck.Message.error, arrived)) == {None}:
        # Nearly always so: then nothing is done for each message.
        yield cast(Place, places.pop()), False, arrived
        return
    kinds = zip(
        map(ck.Message.topic, arrived),
        map(ck.Message.partition, arrived),
        # An error of the client's cannot be compared with None.
        (found.error() is not None for found in arrived),
        strict=True,
    )
    for (topic, partition, is_error), found in groupby(
        zip(kinds, arrived, strict=True), itemgetter(0)
    ):
        yield (str(topic), int(partition or 0)), is_error, [each for _, each in found]


def batch_of(found: Sequence[ck.Message]) -> MessageBatch:
    """Messages of one partition, oldest first."""
    return MessageBatch(
        values=[message.value() or b"" for message in found],
        content_types=list(map(_content_type, found)),
        offsets=cast(list[int], list(map(ck.Message.offset, found))),
        row=lambda number: _stored(found[number]),
    )


def offset_of(found: ck.Message) -> int:
    """Where the message lies in its partition."""
    return found.offset() or 0


def _content_type(found: ck.Message) -> str:
    headers = cast(list[tuple[str, bytes | None]], found.headers() or [])
    for name, value in headers:
        if name == CONTENT_TYPE:
            return (value or b"").decode("utf-8", "replace")
    return ""


def _stored(found: ck.Message) -> StoredMessage:
    _, milliseconds = found.timestamp()
    headers = cast(list[tuple[str, bytes | None]], found.headers() or [])
    texts = {name: (value or b"").decode("utf-8", "replace") for name, value in headers}
    return StoredMessage(
        topic=str(found.topic()),
        partition=int(found.partition() or 0),
        offset=int(found.offset() or 0),
        appended_at=datetime.fromtimestamp(max(0, milliseconds) / 1000, UTC),
        message=Message(bytes(found.value() or b""), texts, found.key()),
    )


def code_of(error: ck.KafkaException) -> int | None:
    """Kafka's number of the error."""
    cause = error.args[0] if error.args else None
    return cause.code() if isinstance(cause, ck.KafkaError) else None


def text_of(error: ck.KafkaException) -> str:
    """The error in words."""
    cause = error.args[0] if error.args else error
    return str(cause.str()) if isinstance(cause, ck.KafkaError) else str(cause)
