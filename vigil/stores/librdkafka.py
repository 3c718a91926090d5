"""A consumer on the C functions of librdkafka that hands over messages in columns.

confluent-kafka, which brings that library along, makes an object of each message. At a hundred
thousand messages a second this takes longer than all that Vigil does with their events.

Source: rdkafka.h of librdkafka 2, whose functions are public and stable.
"""

import ctypes as c
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import confluent_kafka as ck
import numpy as np

from vigil.stores.kafka_columns import Run, declared, runs_of

_CONSUMER = 1
_TEXT_BYTES = 512
_ON_ERROR = c.CFUNCTYPE(None, c.c_void_p, c.c_int, c.c_char_p, c.c_void_p)

# Name → what it returns and takes.
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "conf_new": (c.c_void_p,),
    "conf_set": (c.c_int, c.c_void_p, c.c_char_p, c.c_char_p, c.c_char_p, c.c_size_t),
    "conf_set_error_cb": (None, c.c_void_p, _ON_ERROR),
    "conf_destroy": (None, c.c_void_p),
    "new": (c.c_void_p, c.c_int, c.c_void_p, c.c_char_p, c.c_size_t),
    "destroy": (None, c.c_void_p),
    "poll_set_consumer": (c.c_int, c.c_void_p),
    "queue_get_consumer": (c.c_void_p, c.c_void_p),
    "queue_destroy": (None, c.c_void_p),
    "consume_batch_queue": (c.c_ssize_t, c.c_void_p, c.c_int, c.c_void_p, c.c_size_t),
    "topic_partition_list_new": (c.c_void_p, c.c_int),
    "topic_partition_list_add": (c.c_void_p, c.c_void_p, c.c_char_p, c.c_int32),
    "topic_partition_list_set_offset": (
        c.c_int, c.c_void_p, c.c_char_p, c.c_int32, c.c_int64,
    ),
    "topic_partition_list_destroy": (None, c.c_void_p),
    "incremental_assign": (c.c_void_p, c.c_void_p, c.c_void_p),
    "incremental_unassign": (c.c_void_p, c.c_void_p, c.c_void_p),
    "pause_partitions": (c.c_int, c.c_void_p, c.c_void_p),
    "resume_partitions": (c.c_int, c.c_void_p, c.c_void_p),
    "error_code": (c.c_int, c.c_void_p),
    "error_string": (c.c_char_p, c.c_void_p),
    "error_destroy": (None, c.c_void_p),
}  # fmt: skip
_F = {name: declared(name, *signature) for name, signature in _SIGNATURES.items()}


class ColumnConsumer:
    """Reads partitions that it is told; for one thread at a time.

    settings: as confluent-kafka takes them, with `error_cb` and no other callback, and `group.id`,
    without which the library makes no consumer. most: how many messages are consumed at once at
    most. Methods raise KafkaException.
    """

    def __init__(self, settings: Mapping[str, Any], most: int) -> None:
        if not settings.get("group.id"):
            raise _invalid("group.id is needed")
        told = _telling(settings["error_cb"])
        plain = {name: value for name, value in settings.items() if name != "error_cb"}
        self._client = _new_client(plain, told)
        _F["poll_set_consumer"](self._client)
        self._queue = _F["queue_get_consumer"](self._client)
        # The callback has to outlive the client. At the end of the program nobody waits for it.
        self.close = weakref.finalize(self, _close, self._client, self._queue, told)
        self.close.atexit = False
        self._messages = np.empty(most, np.uintp)

    def assign(self, topic: str, partition: int, offset: int) -> None:
        """Read the partition from `offset` on, beside the others."""
        with _listed(topic, partition) as (place, name):
            _F["topic_partition_list_set_offset"](place, name, partition, offset)
            _raise_if_error(_F["incremental_assign"](self._client, place))

    def unassign(self, topic: str, partition: int) -> None:
        """Read it no more, and forget what was fetched of it."""
        with _listed(topic, partition) as (place, _):
            _raise_if_error(_F["incremental_unassign"](self._client, place))

    def pause(self, topic: str, partition: int) -> None:
        """Fetch no more of it."""
        with _listed(topic, partition) as (place, _):
            _F["pause_partitions"](self._client, place)

    def resume(self, topic: str, partition: int) -> None:
        """Fetch it again."""
        with _listed(topic, partition) as (place, _):
            _F["resume_partitions"](self._client, place)

    def consume(self, most: int, timeout_s: float) -> list[Run]:
        """What was fetched; waits until there are `most` messages or the time is over."""
        room = self._messages[:most]
        count = _F["consume_batch_queue"](
            self._queue, round(timeout_s * 1000), room.ctypes.data, len(room)
        )
        return runs_of(room[:count]) if count > 0 else []


def _telling(on_error: Callable[[ck.KafkaError], None]) -> Any:
    def tell(_client: int, code: int, reason: bytes, _opaque: int) -> None:
        on_error(ck.KafkaError(code, reason.decode("utf-8", "replace")))

    return _ON_ERROR(tell)


def _new_client(settings: Mapping[str, Any], told: Any) -> int:
    said = c.create_string_buffer(_TEXT_BYTES)
    configuration = _F["conf_new"]()
    for name, value in settings.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if _F["conf_set"](configuration, name.encode(), text.encode(), said, _TEXT_BYTES):
            _F["conf_destroy"](configuration)
            raise _invalid(said.value.decode())
    _F["conf_set_error_cb"](configuration, told)
    client = _F["new"](_CONSUMER, configuration, said, _TEXT_BYTES)
    if not client:
        _F["conf_destroy"](configuration)
        raise _invalid(said.value.decode())
    return int(client)


def _invalid(reason: str) -> ck.KafkaException:
    return ck.KafkaException(ck.KafkaError(ck.KafkaError._INVALID_ARG, reason))


def _close(client: int, queue: int, _told: Any) -> None:
    _F["queue_destroy"](queue)
    _F["destroy"](client)


@contextmanager
def _listed(topic: str, partition: int) -> Iterator[tuple[int, bytes]]:
    """A list of this partition alone, and the topic's name as it is in it."""
    name = topic.encode()
    listed = _F["topic_partition_list_new"](1)
    try:
        _F["topic_partition_list_add"](listed, name, partition)
        yield listed, name
    finally:
        _F["topic_partition_list_destroy"](listed)


def _raise_if_error(error: int | None) -> None:
    if error:
        code, reason = _F["error_code"](error), _F["error_string"](error).decode()
        _F["error_destroy"](error)
        raise ck.KafkaException(ck.KafkaError(code, reason))
