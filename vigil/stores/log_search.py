"""Records around an instant, found in the event log without reading it from its beginning.

Messages lie nearly in order of event time, so the range is found by bisection. A range that holds
more than is wanted is thinned: evenly spaced runs of messages are read, the newest first.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from vigil.events.content import CONTENT_TYPE
from vigil.events.decode import Limits, Payload, decode
from vigil.events.schema import SCHEMA_OF_TOPIC
from vigil.stores.log import EventLog, StoredMessage

RUNS = 15
MESSAGES_AT_ONCE = 500
# Bisection ends here: reading a few messages too many is cheaper than looking for them.
NEAR_MESSAGES = 8
# Messages without a valid record that are looked at before a place counts as unknown.
PATIENCE = 4
# How far behind its event time a record may stand in the log.
LATE = timedelta(minutes=1)
EVERYTHING = pl.lit(True)


@dataclass(frozen=True, slots=True)
class Found:
    """`records` by the topic's schema; `whole` is False where some of the range were left out."""

    records: pl.DataFrame
    whole: bool


class LogSearch:
    """Searches one event log; not to be shared with a reader that keeps a position."""

    def __init__(self, event_log: EventLog, limits: Limits) -> None:
        self._log = event_log
        self._limits = limits

    def between(
        self,
        topic: str,
        start_at: datetime,
        end_at: datetime,
        most_rows: int,
        patience_s: float,
        only: pl.Expr = EVERYTHING,
    ) -> Found:
        """Records with start_at <= time < end_at, about `most_rows` at most.

        With `only`, those for which it is true; the others are read and count for nothing.
        After `patience_s` seconds it gives what it has. Raises LogError.
        """
        until_s = time.monotonic() + patience_s
        ranges = {
            partition: self._range(topic, partition, end, start_at, end_at, until_s)
            for partition, end in self._log.end_offsets(topic).items()
        }
        inside = (pl.col("time") >= start_at) & (pl.col("time") < end_at)
        budget = max(most_rows // (RUNS * max(len(ranges), 1)), 1)
        frames = [pl.DataFrame(SCHEMA_OF_TOPIC[topic].empty_table())]
        whole = True
        for number in reversed(range(RUNS)):
            for partition, (first, last) in ranges.items():
                begin = first + (last - first) * number // RUNS
                end = first + (last - first) * (number + 1) // RUNS
                if time.monotonic() > until_s:
                    whole = whole and begin == end
                    continue
                run, complete = self._run(topic, partition, begin, end, budget, until_s, only)
                whole = whole and complete
                frames.append(run)
        return Found(pl.concat(frames).filter(inside), whole)

    def _run(
        self,
        topic: str,
        partition: int,
        begin: int,
        end: int,
        budget: int,
        until_s: float,
        only: pl.Expr,
    ) -> tuple[pl.DataFrame, bool]:
        """(records of messages from `begin` to `end`, whether those are all)."""
        frames, rows, offset = [pl.DataFrame(SCHEMA_OF_TOPIC[topic].empty_table())], 0, begin
        while offset < end and rows < budget and time.monotonic() < until_s:
            found = self._log.read(topic, partition, offset, min(MESSAGES_AT_ONCE, end - offset))
            messages = [message for message in found if message.offset < end]
            if not messages:
                return pl.concat(frames), True
            for part in _in_steps(messages):
                frames.append(self._records(topic, part).filter(only))
                rows += frames[-1].height
                offset = part[-1].offset + 1
                if rows >= budget:
                    break
        return pl.concat(frames), offset >= end

    def _range(
        self,
        topic: str,
        partition: int,
        end: int,
        start_at: datetime,
        end_at: datetime,
        until_s: float,
    ) -> tuple[int, int]:
        """Offsets that hold the records of the range, and some beside them."""
        last = self._offset_of(topic, partition, end, end_at + LATE, until_s)
        last = min(last + NEAR_MESSAGES, end)
        return self._offset_of(topic, partition, last, start_at, until_s), last

    def _offset_of(self, topic: str, partition: int, end: int, at: datetime, until_s: float) -> int:
        """An offset before the first message of that time, at most a few before it."""

        def is_before(offset: int) -> bool:
            if time.monotonic() > until_s:
                return True
            found = self._time_of(topic, partition, offset)
            return found is None or found < at

        # What is searched for lies near the end mostly: backwards in growing steps, then bisection.
        high, step = end, NEAR_MESSAGES
        while high - step > 0 and not is_before(high - step):
            high -= step
            step *= 4
        low = max(high - step, 0)
        while high - low > NEAR_MESSAGES:
            middle = (low + high) // 2
            if is_before(middle):
                low = middle
            else:
                high = middle
        return low

    def _time_of(self, topic: str, partition: int, offset: int) -> datetime | None:
        """Event time of the first record from an offset on; None where there is none nearby."""
        for message in self._log.read(topic, partition, offset, PATIENCE):
            records = self._records(topic, [message])
            if records.height:
                first: datetime = records["time"].min()  # type: ignore[assignment]
                return first
        return None

    def _records(self, topic: str, messages: list[StoredMessage]) -> pl.DataFrame:
        payloads = [
            Payload(stored.message.headers.get(CONTENT_TYPE, ""), stored.message.value, "")
            for stored in messages
        ]
        return decode(payloads, SCHEMA_OF_TOPIC[topic], datetime.now(UTC), self._limits).records


def _in_steps(messages: list[StoredMessage]) -> Iterator[list[StoredMessage]]:
    """The messages in groups that double, the first of one: how many rows each holds is unknown."""
    start, size = 0, 1
    while start < len(messages):
        yield messages[start : start + size]
        start, size = start + size, 2 * size
