"""Seeded traffic for the throughput benchmark, in the forms that producers send."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pyarrow as pa

from vigil.events.content import CONTENT_TYPE, JSON
from vigil.events.schema import EVENTS
from vigil.simulate import SimulationPlan, simulate_chunk
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.log import Message

START_AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
# About 8,000 requests a second of event time: some 800 in a window of ten seconds and a route.
TRACES_PER_S = 2_000.0
SPANS_PER_TRACE = 3.5


@dataclass(frozen=True, slots=True)
class Path:
    """A way through the stream: the log it comes from, and what a message is."""

    name: str
    log: str
    form: str

    @property
    def has_peers(self) -> bool:
        """Other libraries read single JSON events from Kafka."""
        return (self.log, self.form) == ("kafka", "json")


PATHS = (
    Path("json-kafka", "kafka", "json"),
    Path("arrow-kafka", "kafka", "arrow"),
    Path("arrow-sqlite", "sqlite", "arrow"),
)


def traffic(events: int, seed: int) -> pa.Table:
    """At least `events` simulated requests in order of time, cut to that number."""
    seconds = int(events / TRACES_PER_S / SPANS_PER_TRACE * 2) + 60
    table = simulate_chunk(SimulationPlan(START_AT, seconds, TRACES_PER_S, seed, ()), 0)
    return table.slice(0, events)


def with_times(table: pa.Table, times_us: np.ndarray) -> pa.Table:
    """The same requests at these instants, epoch µs."""
    at = EVENTS.field("time")
    column = pa.array(times_us, pa.int64()).cast(at.type)
    return table.set_column(EVENTS.get_field_index("time"), at, column)


def messages(table: pa.Table, form: str) -> Iterator[Message]:
    """Arrow batches of a thousand rows, or one JSON object a message, keyed by its series."""
    if form == "arrow":
        yield from arrow_messages(table)
        return
    frame = pl.DataFrame(pl.from_arrow(table)).drop("attributes")
    keys = frame.select(pl.concat_str("service", "route", separator=" ")).to_series()
    for line, key in zip(frame.write_ndjson().encode().splitlines(), keys, strict=True):
        yield Message(line, {CONTENT_TYPE: JSON}, key.encode())
