"""What workers would take of the scorer: their own code over the sample, without Kafka."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from vigil.events.decode import Limits
from vigil.stores.log import EventLog, MessageBatch
from vigil.stream.intake import BYTES_PER_READ, MESSAGES_PER_READ
from vigil.stream.series import SeriesDirectory
from vigil.stream.workers.folding import PartitionFold, Position, together
from vigil.stream.workers.partials import FOLDED, Account
from vigil.windows.tumbling import WindowSpec

_NOBODY = Account("rehearsal", accepted=0, dead=0, cpu_s=0.0)


def folding_cpu_s(event_log: EventLog, spec: WindowSpec, limits: Limits) -> float:
    """CPU seconds of this process to decode and fold the whole log, and to make messages of it."""
    places = [
        (topic, partition) for topic in FOLDED for partition in range(event_log.partitions(topic))
    ]
    if places:
        # The first one loads what is loaded once.
        _fold(event_log, *places[0], spec, limits, most=1)
    began_s = time.process_time()
    for place in places:
        _fold(event_log, *place, spec, limits)
    return time.process_time() - began_s


def _fold(
    event_log: EventLog, topic: str, partition: int, spec: WindowSpec, limits: Limits,
    most: int | None = None,
) -> None:  # fmt: skip
    """The first `most` batches of the partition, or all."""
    series = SeriesDirectory()
    fold = PartitionFold(topic, partition, spec, limits, series, Position(0, 0))
    for number, batch in enumerate(_batches(event_log, topic, partition)):
        if number == most:
            break
        fold.take(batch, datetime.now(UTC))
        if fold.is_due:
            together(topic, [fold.hand_over()], series, _NOBODY)


def _batches(event_log: EventLog, topic: str, partition: int) -> Iterator[MessageBatch]:
    offset = 0
    while batch := event_log.read(topic, partition, offset, MESSAGES_PER_READ, BYTES_PER_READ):
        yield batch
        offset = batch.offsets[-1] + 1
