"""One path through the stream, timed from the first message to the last commit."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from statistics import median
from threading import Event
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from vigil.bench.stream.load import Path, messages
from vigil.config import Settings
from vigil.errors import VigilError
from vigil.events.content import CONTENT_TYPE
from vigil.events.decode import Payload, decode
from vigil.events.schema import EVENTS, TOPIC_EVENTS
from vigil.stores import open_log
from vigil.stores.database import open_database
from vigil.stores.log import EventLog, StoredMessage
from vigil.stream.assembly import keep_scoring
from vigil.stream.intake import BYTES_PER_READ, MESSAGES_PER_READ

APPEND = 10_000


@dataclass(frozen=True, slots=True)
class Timing:
    """Medians over the rounds; `ratio` is the scorer's rate by that of the limit."""

    path: str
    events: int
    limit_events_per_s: float
    scorer_events_per_s: float
    ratio: float
    limit_cpu_s: float
    scorer_cpu_s: float


def measure_path(
    path: Path, settings: Settings, table: pa.Table, rounds: int, tick: Callable[[], None]
) -> dict[str, Any]:
    """Fill the log of `settings`, then read it `rounds` times in both ways, in turns."""
    with closing(open_log(settings)) as event_log:
        _fill(event_log, messages(table, path.form))
        limits, scorers = [], []
        for number in range(rounds):
            limits.append(_timed(partial(_read_and_decode, event_log, settings), table.num_rows))
            tick()
            consumer = f"bench-{path.name}-{number}"
            _empty_tables(settings)
            scorers.append(_timed(partial(_score, settings, consumer), table.num_rows))
            tick()
    limit_s, limit_cpu_s = (median(values) for values in zip(*limits, strict=True))
    scorer_s, scorer_cpu_s = (median(values) for values in zip(*scorers, strict=True))
    timing = Timing(
        path=path.name,
        events=table.num_rows,
        limit_events_per_s=round(table.num_rows / limit_s),
        scorer_events_per_s=round(table.num_rows / scorer_s),
        ratio=round(limit_s / scorer_s, 3),
        limit_cpu_s=round(limit_cpu_s, 2),
        scorer_cpu_s=round(scorer_cpu_s, 2),
    )
    return asdict(timing)


def _empty_tables(settings: Settings) -> None:
    """Forget the round before: its windows would be in the way."""
    engine = open_database(settings)
    tables = set(sa.inspect(engine).get_table_names()) - {"alembic_version"}
    with engine.begin() as connection:
        connection.execute(sa.text(f"TRUNCATE {', '.join(sorted(tables))}"))
    engine.dispose()


def _fill(event_log: EventLog, found: Iterable[Any]) -> None:
    batch = []
    for message in found:
        batch.append(message)
        if len(batch) == APPEND:
            event_log.append(TOPIC_EVENTS, batch)
            batch = []
    if batch:
        event_log.append(TOPIC_EVENTS, batch)


def _timed(run: Callable[[], int], expected: int) -> tuple[float, float]:
    """(wall seconds, CPU seconds of this process); raises VigilError when events are missing."""
    began, cpu = time.perf_counter(), sum(os.times()[:2])
    found = run()
    took = time.perf_counter() - began, sum(os.times()[:2]) - cpu
    if found != expected:
        raise VigilError(f"{found} of {expected} events were read: the timing means nothing")
    return took


def _score(settings: Settings, consumer: str) -> int:
    return keep_scoring(settings, consumer, None, Event(), drain=True)["accepted"]


def _read_and_decode(event_log: EventLog, settings: Settings) -> int:
    """The limit: what has to be done in any case, in steps of the same size."""
    limits = settings.limits
    decoded = 0
    for partition, end in event_log.end_offsets(TOPIC_EVENTS).items():
        offset = 0
        while offset < end:
            found = event_log.read(
                TOPIC_EVENTS, partition, offset, MESSAGES_PER_READ, BYTES_PER_READ
            )
            if not found:
                continue
            offset = found[-1].offset + 1
            decoded += decode(
                [_payload(stored) for stored in found], EVENTS, datetime.now(UTC), limits
            ).records.height
    return decoded


def _payload(stored: StoredMessage) -> Payload:
    message = stored.message
    return Payload(message.headers.get(CONTENT_TYPE, ""), message.value, str(stored.offset))
