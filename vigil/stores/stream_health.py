"""How a scorer did during the last day: one sample every ten seconds, as long as it is active."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
import sqlalchemy as sa

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WorkerSample:
    """A worker as it was last heard of: records and CPU seconds since it began, and what it reads,
    each partition as `topic/number`.
    """

    accepted: int
    dead: int
    cpu_s: float
    heard_at: datetime
    partitions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Sample:
    """State of a stream at one moment; records are counted since its first start.

    `watermarks`: topic → event time that is complete; `watermark_at`: the latest of them.
    `workers`: by name, where windows are folded by others.
    """

    at: datetime
    records_read: int
    records_dead: int
    lag_messages: int
    watermarks: Mapping[str, datetime] = field(default_factory=dict)
    workers: Mapping[str, WorkerSample] = field(default_factory=dict)

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
            " (consumer, at, records_read, records_dead, lag_messages, watermarks, workers)"
            " VALUES (:consumer, :at, :records_read, :records_dead, :lag_messages,"
            " CAST(:watermarks AS jsonb), CAST(:workers AS jsonb))"
            " ON CONFLICT DO NOTHING"
        )
        forget = sa.text("DELETE FROM stream_samples WHERE consumer = :consumer AND at < :before")
        row = {"consumer": self._consumer, **asdict(sample)}
        for name in ("watermarks", "workers"):
            row[name] = orjson.dumps(row[name]).decode()
        with self._engine.begin() as connection:
            connection.execute(insert, row)
            connection.execute(forget, {"consumer": self._consumer, "before": sample.at - KEPT})

    def since(self, start_at: datetime) -> list[Sample]:
        """Samples from `start_at` on, oldest first."""
        query = sa.text(
            "SELECT at, records_read, records_dead, lag_messages, watermarks, workers"
            " FROM stream_samples"
            " WHERE consumer = :consumer AND at >= :start ORDER BY at"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query, {"consumer": self._consumer, "start": start_at})
            return [_sample(row._asdict()) for row in rows]


def _sample(row: Mapping[str, Any]) -> Sample:
    watermarks = {topic: datetime.fromisoformat(at) for topic, at in row["watermarks"].items()}
    workers = {
        name: WorkerSample(**{**said, "heard_at": datetime.fromisoformat(said["heard_at"])})
        for name, said in row["workers"].items()
    }
    return Sample(**{**row, "watermarks": watermarks, "workers": workers})


def records_per_s(samples: Sequence[Sample]) -> float | None:
    """Mean throughput from the first to the last sample, None where they span no time."""
    return growth_per_s([(sample.at, sample.records_read) for sample in samples])


def growth_per_s(counted: Sequence[tuple[datetime, float]]) -> float | None:
    """Mean growth of a counter, oldest value first, None where they span no time.

    A value below the one before is that of a counter which began anew.
    """
    if len(counted) < 2:
        return None
    values = [value for _, value in counted]
    grown = sum(after - before if after >= before else after for before, after in pairwise(values))
    return grown / (counted[-1][0] - counted[0][0]).total_seconds()
