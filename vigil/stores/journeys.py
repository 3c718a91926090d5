"""Journeys in the database, minute by minute, as the scorer has completed their traces."""

from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.stores.database import Schema, read_frame

# A commit adds its part of a minute to what earlier ones wrote.
ADD_JOURNEYS = (
    "(window_start, journey) DO UPDATE SET"
    " traces = journey_minutes.traces + excluded.traces,"
    " errors = journey_minutes.errors + excluded.errors,"
    " broken = journey_minutes.broken + excluded.broken,"
    " duration_ms_sum = journey_minutes.duration_ms_sum + excluded.duration_ms_sum,"
    " duration_ms_max = greatest(journey_minutes.duration_ms_max, excluded.duration_ms_max)"
)

_TABLE: Schema = {
    "journey": pl.String(),
    "traces": pl.Float64(),
    "error_ratio": pl.Float64(),
    "latency_ms_mean": pl.Float64(),
    "latency_ms_max": pl.Float64(),
    "broken_ratio": pl.Float64(),
}
_BETWEEN = """
SELECT journey, sum(traces) AS traces, sum(errors) / sum(traces) AS error_ratio,
       sum(duration_ms_sum) / sum(traces) AS latency_ms_mean,
       max(duration_ms_max) AS latency_ms_max, sum(broken) / sum(traces) AS broken_ratio
FROM journey_minutes
WHERE window_start >= %(start)s AND window_start < %(until)s
GROUP BY journey
ORDER BY traces DESC, journey
"""


class JourneyStore:
    """Reads the journeys that the scorer writes."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def between(self, start_at: datetime, until_at: datetime) -> pl.DataFrame:
        """Journeys of the minutes in [start_at, until_at), the most frequent first: `journey`,
        `traces`, `rate` (a second), `error_ratio`, `latency_ms_mean`, `latency_ms_max`,
        `broken_ratio`.
        """
        span: dict[str, Any] = {"start": start_at, "until": until_at}
        with self.engine.connect() as connection:
            found = read_frame(connection, _BETWEEN, span, _TABLE)
        length_s = (until_at - start_at).total_seconds()
        rate = pl.col("traces") / length_s
        return found.select("journey", "traces", rate.alias("rate"), *list(_TABLE)[2:])

    def newest(self) -> datetime | None:
        """The last minute that has a journey, None where there is none."""
        with self.engine.connect() as connection:
            query = sa.text("SELECT max(window_start) FROM journey_minutes")
            found: datetime | None = connection.execute(query).scalar()
        return found
