"""What limits any consumer: reading the messages and decoding them into typed columns, no more.

As bare as the libraries allow, and without Vigil's own log or decoder: no checks, no dead letters,
no bookkeeping. Kafka's client by its defaults waits a second whenever its buffer was full, which is
longer than that lasts: the limit proper is without that pause, the other one is what a consumer
reaches that leaves all settings alone.
"""

import io
import sqlite3
import uuid
from collections.abc import Iterator, Mapping

import confluent_kafka as ck
import polars as pl
import pyarrow as pa

from vigil.config import Settings
from vigil.errors import VigilError
from vigil.events.rules import polars_schema
from vigil.events.schema import EVENTS, TOPIC_EVENTS

MESSAGES_AT_ONCE = {"json": 20_000, "arrow": 50}
QUIET_S = 10.0
AT_ONCE = {"fetch.queue.backoff.ms": 10}
AS_IT_COMES: Mapping[str, int] = {}

_TYPED = {
    name: kind if kind.is_numeric() else pl.String() for name, kind in polars_schema(EVENTS).items()
}


def read_and_decode(
    settings: Settings, form: str, events: int, client: Mapping[str, int] = AT_ONCE
) -> int:
    """Read the topic from its beginning until so many events are decoded; returns how many were.

    client: settings of Kafka's client.
    """
    kafka = settings.log_url.startswith("kafka://")
    batches = _kafka_values(settings, form, client) if kafka else _sqlite_values(settings, form)
    decoded = 0
    for values in batches:
        decoded += _decode(values, form).height
        if decoded >= events:
            break
    return decoded


def _decode(values: list[bytes], form: str) -> pl.DataFrame:
    if form == "json":
        frame = pl.read_ndjson(io.BytesIO(b"\n".join(values)), schema=_TYPED)
        return frame.with_columns(pl.col("time").str.to_datetime(time_unit="us", time_zone="UTC"))
    tables = [pa.ipc.open_stream(value).read_all() for value in values]
    return pl.DataFrame(pl.from_arrow(pa.concat_tables(tables)))


def _kafka_values(
    settings: Settings, form: str, client: Mapping[str, int]
) -> Iterator[list[bytes]]:
    consumer = ck.Consumer(
        {
            "bootstrap.servers": settings.log_url.removeprefix("kafka://"),
            "group.id": f"limit-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 16 << 20,
            **client,
        }
    )
    consumer.assign([ck.TopicPartition(TOPIC_EVENTS, 0, ck.OFFSET_BEGINNING)])
    try:
        while found := consumer.consume(MESSAGES_AT_ONCE[form], 0.1) or _patiently(consumer):
            yield [message.value() or b"" for message in found]
    finally:
        consumer.close()


def _patiently(consumer: ck.Consumer) -> list[ck.Message]:
    found = consumer.consume(1, QUIET_S)
    if not found:
        raise VigilError(f"nothing came from the broker for {QUIET_S:.0f} s")
    return found


def _sqlite_values(settings: Settings, form: str) -> Iterator[list[bytes]]:
    connection = sqlite3.connect(settings.log_url.removeprefix("sqlite:///"))
    query = "SELECT value FROM messages WHERE topic = ? AND partition = 0 ORDER BY offset"
    cursor = connection.execute(query, (TOPIC_EVENTS,))
    try:
        while rows := cursor.fetchmany(MESSAGES_AT_ONCE[form]):
            yield [value for (value,) in rows]
    finally:
        connection.close()
