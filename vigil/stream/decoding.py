"""Messages of the event log to records, with the place of each in its dead letters."""

from collections.abc import Collection
from datetime import datetime

from vigil.events.decode import Decoded, Limits, Payloads, decode_columns, message_place
from vigil.events.schema import SCHEMA_OF_TOPIC
from vigil.stores.log import MessageBatch


def decode_batch(
    topic: str,
    partition: int,
    batch: MessageBatch,
    now_at: datetime,
    limits: Limits,
    wanted: Collection[str] = (),
) -> Decoded:
    """Records of one partition's messages; `wanted` as in `decode_columns`."""

    def place(number: int) -> str:
        return message_place(topic, partition, batch.offsets[number])

    payloads = Payloads(batch.content_types, batch.values, place)
    return decode_columns(payloads, SCHEMA_OF_TOPIC[topic], now_at, limits, wanted)
