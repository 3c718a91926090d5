"""How a scorer did during the last day: one sample every ten seconds, as long as it is active."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """State of a stream at one moment; records are counted since its first start.

    `watermarks`: topic → event time that is complete; `watermark_at`: the latest of them.
    """

    at: datetime
    records_read: int
    records_dead: int
    lag_messages: int
    watermarks: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def watermark_at(self) -> datetime | None:
        """Event time that some topic has completed, None before the first."""
        return max(self.watermarks.values(), default=None)


class StreamHealth:
    """Writes and reads the samples of one consumer."""

    def __init__(self, engine: sa.Engine, consumer: str) -> None:
        self._engine = engine
        self._consumer = consumer

    def note(self, sample: Sample) -> None:
        """Keep the sample, forget those older than a day."""
        insert = sa.text(
            "INSERT INTO stream_samples"
            " (consumer, at, records_read, records_dead, lag_messages, watermarks)"
            " VALUES (:consumer, :at, :records_read, :records_dead, :lag_messages,"
            " CAST(:watermarks AS jsonb))"
            " ON CONFLICT DO NOTHING"
        )
        forget = sa.text("DELETE FROM stream_samples WHERE consumer = :consumer AND at < :before")
        row = {"consumer": self._consumer, **asdict(sample)}
        row["watermarks"] = orjson.dumps(row["watermarks"]).decode()
        with self._engine.begin() as connection:
            connection.execute(insert, row)
            connection.execute(forget, {"consumer": self._consumer, "before": sample.at - KEPT})

    def since(self, start_at: datetime) -> list[Sample]:
        """Samples from `start_at` on, oldest first."""
        query = sa.text(
            "SELECT at, records_read, records_dead, lag_messages, watermarks FROM stream_samples"
            " WHERE consumer = :consumer AND at >= :start ORDER BY at"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query, {"consumer": self._consumer, "start": start_at})
            return [_sample(row._asdict()) for row in rows]


def _sample(row: Mapping[str, Any]) -> Sample:
    watermarks = {topic: datetime.fromisoformat(at) for topic, at in row["watermarks"].items()}
    return Sample(**{**row, "watermarks": watermarks})


def records_per_s(samples: Sequence[Sample]) -> float | None:
    """Mean throughput from the first to the last sample, None where they span no time."""
    if len(samples) < 2:
        return None
    first, last = samples[0], samples[-1]
    return (last.records_read - first.records_read) / (last.at - first.at).total_seconds()
