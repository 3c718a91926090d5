"""Messages as confluent-kafka hands them over, sorted by partition and as Vigil's."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import cast

import confluent_kafka as ck

from vigil.events.content import CONTENT_TYPE
from vigil.stores.kafka_clients import Place
from vigil.stores.log import Message, MessageBatch, StoredMessage


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
