"""Puts the demo's input into the event log, each piece exactly once."""

import dataclasses
from collections.abc import Callable, Iterator
from datetime import datetime

import orjson

from vigil.demo.plan import DemoPlan
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.schema import TOPIC_EVENTS
from vigil.simulate import chunk_count, simulate_chunk
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.log import EventLog, Message

CHUNK_HEADER = "demo-chunk"

# What real producers send on a bad day; each line is dead on arrival, for a different reason.
BROKEN_LINES = (
    b'{"time": "2026-03-04T12:00:00Z", "service": "orders", "duration_ms": -12.5}',
    b'{"time": "2026-03-04T12:00:00Z", "service": "orders", "duration_ms": "fast"}',
    b'{"time": "yesterday", "service": "orders", "duration_ms": 3.2}',
    b'{"time": "1971-01-01T00:00:00Z", "service": "orders", "duration_ms": 3.2}',
    b'{"time": "2199-01-01T00:00:00Z", "service": "orders", "duration_ms": 3.2}',
    b'{"time": "2026-03-04T12:00:00Z", "duration_ms": 3.2}',
    b'{"time": "2026-03-04T12:00:00Z", "service": "ord',
    b"\xff\xfe not text at all",
)


def feed_requests(
    plan: DemoPlan, event_log: EventLog, until_at: datetime, tick: Callable[[int], None]
) -> None:
    """Append the simulated hours before `until_at` that the log does not hold yet.

    An hour is appended in one transaction and marked with its number, so that a killed demo
    neither repeats nor misses one. `tick` gets the number of events of each hour.
    """
    last = _last_chunk(event_log)
    for index, start_at in _hours(plan):
        if start_at >= until_at:
            return
        if index > last:
            table = simulate_chunk(plan.simulation, index)
            event_log.append(TOPIC_EVENTS, _marked(arrow_messages(table), index))
            tick(table.num_rows)
        else:
            tick(0)


def feed_broken(event_log: EventLog) -> int:
    """Append a message of lines that no parser should accept; returns how many."""
    message = Message(b"\n".join(BROKEN_LINES), {CONTENT_TYPE: NDJSON})
    event_log.append(TOPIC_EVENTS, [message])
    return len(BROKEN_LINES)


def _hours(plan: DemoPlan) -> Iterator[tuple[int, datetime]]:
    simulation = plan.simulation
    count = chunk_count(simulation)
    step = (plan.end_at - simulation.start_at) / count
    return ((index, simulation.start_at + index * step) for index in range(count))


def _marked(messages: list[Message], index: int) -> list[Message]:
    return [
        dataclasses.replace(message, headers={**message.headers, CHUNK_HEADER: str(index)})
        for message in messages
    ]


def _last_chunk(event_log: EventLog) -> int:
    """Number of the newest hour in the log, -1 for none."""
    end = event_log.end_offsets(TOPIC_EVENTS).get(0, 0)
    for offset in range(end - 1, -1, -1):
        [stored] = event_log.read(TOPIC_EVENTS, 0, offset, 1)
        if CHUNK_HEADER in stored.message.headers:
            return int(orjson.loads(stored.message.headers[CHUNK_HEADER]))
    return -1
