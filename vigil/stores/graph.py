"""The service graph in the database, as of any minute that is kept."""

from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa

from vigil.journeys.graph import EDGES
from vigil.stores.database import read_frame

# A commit adds its part of a minute to what earlier ones wrote.
ADD_EDGES = (
    "(window_start, caller, service, environment) DO UPDATE SET"
    " requests = service_edges.requests + excluded.requests,"
    " errors = service_edges.errors + excluded.errors,"
    " duration_ms_sum = service_edges.duration_ms_sum + excluded.duration_ms_sum,"
    " duration_ms_max = greatest(service_edges.duration_ms_max, excluded.duration_ms_max)"
)

GRAPH = {
    "caller": pl.String(),
    "service": pl.String(),
    "environment": pl.String(),
    "requests": pl.Int64(),
    "error_ratio": pl.Float64(),
    "latency_ms_mean": pl.Float64(),
    "latency_ms_max": pl.Float64(),
}

_EDGES_BETWEEN = """
SELECT caller, service, environment,
       sum(requests)::bigint AS requests,
       sum(errors)::float8 / sum(requests) AS error_ratio,
       sum(duration_ms_sum) / sum(requests) AS latency_ms_mean,
       max(duration_ms_max) AS latency_ms_max
FROM service_edges
WHERE window_start >= %(start)s AND window_start < %(until)s
GROUP BY caller, service, environment
ORDER BY requests DESC, caller, service, environment
"""


_EDGES_OF = f"""
SELECT {", ".join(EDGES)} FROM service_edges
WHERE window_start >= %(start)s AND window_start < %(until)s
ORDER BY window_start, caller, service, environment
"""


class GraphStore:
    """Reads the graph that the scorer writes."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def as_of(self, at: datetime, minutes: int = 5) -> pl.DataFrame:
        """Calls in the whole minutes up to `at`: `caller` (empty: a user), `service`,
        `environment`, `requests`, `rate` (a second), `error_ratio`, `latency_ms_mean`,
        `latency_ms_max`; the most frequent first.
        """
        until = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
        span = {"start": until - timedelta(minutes=minutes), "until": until}
        with self.engine.connect() as connection:
            found = read_frame(connection, _EDGES_BETWEEN, span, GRAPH)
        # An empty text comes back as null.
        named = found.with_columns(pl.col("caller", "environment").fill_null(""))
        return named.with_columns(rate=pl.col("requests") / (minutes * 60))

    def between(self, start_at: datetime, until_at: datetime) -> pl.DataFrame:
        """Edges of the minutes in [start_at, until_at), columns `EDGES`, by time."""
        span = {"start": start_at, "until": until_at}
        schema = {n: t() if isinstance(t, type) else t for n, t in EDGES.items()}
        with self.engine.connect() as connection:
            found = read_frame(connection, _EDGES_OF, span, schema)
        return found.with_columns(pl.col("caller", "environment").fill_null(""))

    def newest(self) -> datetime | None:
        """The last minute that has calls, None for an empty graph."""
        return self._extreme("max")

    def oldest(self) -> datetime | None:
        """The first minute that has calls, None for an empty graph."""
        return self._extreme("min")

    def _extreme(self, which: str) -> datetime | None:
        with self.engine.connect() as connection:
            query = sa.text(f"SELECT {which}(window_start) FROM service_edges")
            found: datetime | None = connection.execute(query).scalar()
        return found
