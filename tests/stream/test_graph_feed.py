"""The service graph on its way to the sink: whole minutes, each once."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from vigil.journeys.graph import EDGES
from vigil.stores.database import copy_frame
from vigil.stores.graph import ADD_EDGES, GraphStore
from vigil.stores.sinks import EmbeddedSink
from vigil.stream.graph_feed import GraphFeed

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Kept:
    """A sink outside that keeps minutes."""

    outside = True

    def __init__(self):
        self.minutes: list[datetime] = []

    def newest_edge(self):
        return max(self.minutes, default=None)

    def write_edges(self, edges: pl.DataFrame):
        self.minutes += edges["window_start"].to_list()
        return []


@pytest.fixture
def call(engine):
    """Notes a call in each of some minutes, as a commit of the scorer does."""

    def write(*minutes: int) -> None:
        rows = [
            (START + number * MINUTE, "orders", "payments", "aws", 3, 1, 60.0, 30.0)
            for number in minutes
        ]
        with engine.begin() as connection:
            frame = pl.DataFrame(rows, schema=EDGES, orient="row")
            copy_frame(connection, frame, "service_edges", ADD_EDGES)

    return write


def feed(engine, sink) -> GraphFeed:
    """One that never waits."""
    clock = iter(range(0, 10**9, 60))
    return GraphFeed(GraphStore(engine), sink, lambda: next(clock))


def minutes_of(sink: Kept) -> list[int]:
    """Minutes after START, in the order they came."""
    return [int((at - START) / MINUTE) for at in sink.minutes]


def test_a_minute_is_written_once_when_it_has_settled(engine, call):
    """The newest ones may still grow by late requests."""
    sink = Kept()
    made = feed(engine, sink)
    assert made.deliver() == (0, [])
    call(0, 1, 2, 3)
    made.deliver()
    made.deliver()
    assert minutes_of(sink) == [0]
    call(4, 5)
    made.deliver()
    assert minutes_of(sink) == [0, 1, 2]


def test_a_new_process_goes_on_with_the_last_minute_that_the_sink_has(engine, call):
    """A part of it may be missing; ids make the repetition harmless."""
    sink = Kept()
    call(0, 1, 2, 3, 4)
    feed(engine, sink).deliver()
    call(5, 6)
    feed(engine, sink).deliver()
    assert minutes_of(sink) == [0, 1, 1, 2, 3]


def test_a_long_past_comes_in_pieces_and_gaps_are_passed(engine, call):
    """An hour at a time, empty hours included."""
    sink = Kept()
    call(0, 200, 400, 410)
    made = feed(engine, sink)
    for _ in range(10):
        made.deliver()
    assert minutes_of(sink) == [0, 200, 400]


def test_where_the_database_is_the_sink_nothing_is_sent(engine, call):
    """It has the graph already."""
    call(0, 1, 2, 3)
    assert feed(engine, EmbeddedSink(engine)).deliver() == (0, [])
