"""Windows, series and scores in PostgreSQL (TimescaleDB where it is), as polars frames."""

from datetime import datetime

import polars as pl
import sqlalchemy as sa

from vigil.events.schema import KEY_COLUMNS
from vigil.features.observations import metric_observations, request_observations
from vigil.stores.database import Schema, parse_ints, read_frame

TIME = pl.Datetime("us", "UTC")

SERIES: Schema = {
    "series_id": pl.Int64,
    "key_id": pl.Int64,
    "metric": pl.String,
    **dict.fromkeys(KEY_COLUMNS, pl.String),
}

REQUEST_WINDOWS: Schema = {
    "key_id": pl.Int64,
    "window_start": TIME,
    "window_s": pl.Int32,
    "revision": pl.Int32,
    "requests": pl.Int64,
    "errors": pl.Int64,
    "duration_ms_sum": pl.Float64,
    "duration_ms_max": pl.Float64,
    "latency_ms_p50": pl.Float64,
    "latency_ms_p95": pl.Float64,
    "latency_ms_p99": pl.Float64,
    "request_bytes": pl.Int64,
    "response_bytes": pl.Int64,
}

METRIC_WINDOWS: Schema = {
    "series_id": pl.Int64,
    "window_start": TIME,
    "window_s": pl.Int32,
    "revision": pl.Int32,
    "points": pl.Int64,
    "value_sum": pl.Float64,
    "value_min": pl.Float64,
    "value_max": pl.Float64,
}

SCORES: Schema = {
    "series_id": pl.Int64,
    "window_start": TIME,
    "revision": pl.Int32,
    "actual": pl.Float64,
    "weight": pl.Float64,
    "expected": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "p": pl.Float64,
    "score": pl.Float64,
    "flagged": pl.Boolean,
    "gate": pl.Int16,
    "warming_up": pl.Float32,
    "model": pl.String,
}


class WindowStore:
    """Reads what the stream wrote; the stream itself writes through `stores.checkpoint`.

    Every range is half open: start_at <= window_start < end_at.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def series(self) -> pl.DataFrame:
        """All known series with their key columns (schema SERIES)."""
        columns = ", ".join(KEY_COLUMNS)
        query = f"SELECT series_id, key_id, metric, {columns} FROM series JOIN keys USING (key_id)"
        with self.engine.connect() as connection:
            return read_frame(connection, query, (), SERIES)

    def span(self) -> tuple[datetime, datetime] | None:
        """Start of the first and of the last request window; None while there is none."""
        query = sa.text("SELECT min(window_start), max(window_start) FROM request_windows")
        with self.engine.connect() as connection:
            first, last = connection.execute(query).one()
        return None if first is None else (first, last)

    def request_windows(self, start_at: datetime, end_at: datetime) -> pl.DataFrame:
        """Request windows without their sketches (schema REQUEST_WINDOWS), by key and time."""
        return self._between("request_windows", REQUEST_WINDOWS, "key_id", start_at, end_at)

    def sketches(self, start_at: datetime, end_at: datetime) -> pl.DataFrame:
        """Latency sketches: key_id, window_start, sketch_buckets, sketch_counts (lists)."""
        schema: Schema = {"key_id": pl.Int64, "window_start": TIME}
        columns: Schema = {**schema, "sketch_buckets": pl.String, "sketch_counts": pl.String}
        frame = self._between("request_windows", columns, "key_id", start_at, end_at)
        return frame.with_columns(parse_ints("sketch_buckets"), parse_ints("sketch_counts"))

    def metric_windows(self, start_at: datetime, end_at: datetime) -> pl.DataFrame:
        """Windows of outside metrics (schema METRIC_WINDOWS), by series and time."""
        return self._between("metric_windows", METRIC_WINDOWS, "series_id", start_at, end_at)

    def observations(self, start_at: datetime, end_at: datetime) -> pl.DataFrame:
        """series_id, key_id, metric, window_start, revision, value, weight of every series.

        Request windows give their scored metrics, metric windows their mean.
        """
        series = self.series().select("series_id", "key_id", "metric")
        requests = request_observations(self.request_windows(start_at, end_at))
        metrics = self.metric_windows(start_at, end_at).join(series, on="series_id")
        parts = [
            requests.join(series, on=["key_id", "metric"]),
            metric_observations(metrics).join(series, on=["key_id", "metric"]),
        ]
        columns = ["series_id", *requests.columns]
        return pl.concat([part.select(columns) for part in parts]).sort("series_id", "window_start")

    def scores(
        self, start_at: datetime, end_at: datetime, only_flagged: bool = False
    ) -> pl.DataFrame:
        """The decision ledger (schema SCORES), by series and time."""
        extra = "AND flagged" if only_flagged else ""
        return self._between("scores", SCORES, "series_id", start_at, end_at, extra)

    def _between(
        self,
        table: str,
        schema: Schema,
        order: str,
        start_at: datetime,
        end_at: datetime,
        extra: str = "",
    ) -> pl.DataFrame:
        query = (
            f"SELECT {', '.join(schema)} FROM {table} "
            f"WHERE window_start >= %s AND window_start < %s {extra} ORDER BY {order}, window_start"
        )
        with self.engine.connect() as connection:
            return read_frame(connection, query, (start_at, end_at), schema)
