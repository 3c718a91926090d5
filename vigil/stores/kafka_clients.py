"""What Vigil's Kafka clients share: their settings, how they produce, and errors in words."""

from collections.abc import Callable
from typing import Any

import confluent_kafka as ck

from vigil.stores.kafka_address import KafkaAddress
from vigil.stores.log import Message

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


def code_of(error: ck.KafkaException) -> int | None:
    """Kafka's number of the error."""
    cause = error.args[0] if error.args else None
    return cause.code() if isinstance(cause, ck.KafkaError) else None


def text_of(error: ck.KafkaException) -> str:
    """The error in words."""
    cause = error.args[0] if error.args else error
    return str(cause.str()) if isinstance(cause, ck.KafkaError) else str(cause)
