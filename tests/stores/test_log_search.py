"""Records around an instant, from a log whose rest is not read."""

from datetime import UTC, datetime, timedelta

import orjson
import polars as pl
import pytest

from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_EVENTS
from vigil.stores.log import Message
from vigil.stores.log_search import LogSearch
from vigil.stores.memory_log import MemoryLog

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class CountingLog(MemoryLog):
    """Counts the messages that were read."""

    def __init__(self):
        super().__init__()
        self.messages_read = 0

    def read(self, *arguments):
        found = super().read(*arguments)
        self.messages_read += len(found)
        return found


def filled(minutes: int, rows: int = 2, partitions: int = 1) -> CountingLog:
    """A message a minute and partition, each of some requests of that minute."""
    log = CountingLog()
    log.create_topic(TOPIC_EVENTS, partitions)
    for minute in range(minutes):
        time = (START + minute * MINUTE).isoformat()
        row = orjson.dumps({"time": time, "service": "a", "route": "/", "duration_ms": minute})
        message = Message(b"\n".join([row] * rows), {CONTENT_TYPE: NDJSON})
        log.append(TOPIC_EVENTS, [message] * partitions)
    return log


def search(log, first: int, last: int, most_rows: int = 10_000, patience_s: float = 60.0):
    """Minutes `first` to `last` of the log."""
    searched = LogSearch(log, Limits())
    return searched.between(
        TOPIC_EVENTS, START + first * MINUTE, START + last * MINUTE, most_rows, patience_s
    )


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("first", [0, 700, 1985])
def test_all_records_of_the_range_are_found_wherever_it_lies(first, partitions):
    """At the beginning, in the middle, at the end; in every partition."""
    log = filled(2_000, partitions=partitions)
    found = search(log, first, first + 15)
    assert found.whole
    minutes = found.records["duration_ms"].to_list()
    assert sorted(minutes) == sorted([*range(first, first + 15)] * 2 * partitions)


def test_the_rest_of_the_log_is_not_read():
    """A handful of messages a bisection, and what lies near the range."""
    log = filled(5_000)
    search(log, 4_000, 4_015)
    assert log.messages_read < 200


def test_a_range_with_too_much_is_thinned_evenly():
    """About as many rows as wanted, from all over the range, and it says so."""
    found = search(filled(600, rows=50), 100, 500, most_rows=3_000)
    assert not found.whole
    assert 2_000 <= found.records.height <= 6_000
    quarters = {int(minute - 100) // 100 for minute in found.records["duration_ms"]}
    assert quarters == {0, 1, 2, 3}


def test_one_trace_is_found_whole_however_much_lies_around_it():
    """What is not asked for does not use up the rows."""
    log = filled(600, rows=50)
    only = pl.col("duration_ms") == 250
    found = LogSearch(log, Limits()).between(
        TOPIC_EVENTS, START, START + 600 * MINUTE, 1_000, 60.0, only
    )
    assert found.whole
    assert found.records["duration_ms"].to_list() == [250] * 50


def test_nothing_is_waited_for_longer_than_the_patience_lasts():
    """Out of patience: what was found until then, and not the whole."""
    found = search(filled(200), 100, 115, patience_s=0.0)
    assert found.records.is_empty()
    assert not found.whole


def test_an_unknown_topic_and_a_broken_message_hold_nothing():
    """Neither is an error: other messages may still have what is looked for."""
    assert search(MemoryLog(), 0, 10).records.is_empty()
    log = filled(40)
    log.append(TOPIC_EVENTS, [Message(b"{", {CONTENT_TYPE: NDJSON})] * 3)
    assert search(log, 20, 40).records["duration_ms"].n_unique() == 20
