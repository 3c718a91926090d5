"""How a scorer did during the last day: one sample every ten seconds, as long as it is active."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """State of a stream at one moment; records are counted since its first start."""

    at: datetime
    records_read: int
    records_dead: int
    lag_messages: int
    watermark_at: datetime | None


class StreamHealth:
    """Writes and reads the samples of one consumer."""

    def __init__(self, engine: sa.Engine, consumer: str) -> None:
        self._engine = engine
        self._consumer = consumer

    def note(self, sample: Sample) -> None:
        """Keep the sample, forget those older than a day."""
        insert = sa.text(
            "INSERT INTO stream_samples"
            " (consumer, at, records_read, records_dead, lag_messages, watermark_at)"
            " VALUES (:consumer, :at, :records_read, :records_dead, :lag_messages, :watermark_at)"
            " ON CONFLICT DO NOTHING"
        )
        forget = sa.text("DELETE FROM stream_samples WHERE consumer = :consumer AND at < :before")
        with self._engine.begin() as connection:
            connection.execute(insert, {"consumer": self._consumer, **asdict(sample)})
            connection.execute(forget, {"consumer": self._consumer, "before": sample.at - KEPT})

    def since(self, start_at: datetime) -> list[Sample]:
        """Samples from `start_at` on, oldest first."""
        query = sa.text(
            "SELECT at, records_read, records_dead, lag_messages, watermark_at FROM stream_samples"
            " WHERE consumer = :consumer AND at >= :start ORDER BY at"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query, {"consumer": self._consumer, "start": start_at})
            return [Sample(**row._mapping) for row in rows]


def records_per_s(samples: Sequence[Sample]) -> float | None:
    """Mean throughput from the first to the last sample, None where they span no time."""
    if len(samples) < 2:
        return None
    first, last = samples[0], samples[-1]
    return (last.records_read - first.records_read) / (last.at - first.at).total_seconds()
