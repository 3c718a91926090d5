"""Windows, series and scores in PostgreSQL (TimescaleDB where it is), as polars frames."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.events.schema import KEY_COLUMNS
from vigil.features.observations import metric_observations, request_observations
from vigil.stores.database import Schema, driver, parse_ints, read_frame
from vigil.stores.score_blocks import BLOCK, SCORES, decode_blocks

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


def newest_window_end(connection: sa.Connection) -> datetime | None:
    """Where the stream stands, which is not the clock in a replay; None before the first window."""
    query = sa.text(
        "SELECT greatest("
        "(SELECT max(window_start + window_s * interval '1 second') FROM request_windows"
        " WHERE window_start = (SELECT max(window_start) FROM request_windows)),"
        "(SELECT max(window_start + window_s * interval '1 second') FROM metric_windows"
        " WHERE window_start = (SELECT max(window_start) FROM metric_windows)))"
    )
    newest: datetime | None = connection.execute(query).scalar()
    return newest


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
        self,
        start_at: datetime,
        end_at: datetime,
        only_flagged: bool = False,
        series_ids: Sequence[int] | None = None,
    ) -> pl.DataFrame:
        """The decision ledger (schema SCORES), by series, time and revision.

        Recent and flagged decisions are exact; older ones come from blocks, on their grid
        (`vigil.stores.score_blocks`).
        """
        among = "" if series_ids is None else "AND series_id = ANY(%s)"
        chosen = [] if series_ids is None else [list(series_ids)]
        # Each half has an index of its own; in one condition neither would be used.
        columns = ", ".join(SCORES)
        halves = [
            f"SELECT {columns} FROM scores WHERE window_start >= %s AND window_start < %s"
            f" AND {which} {among}"
            for which in (("flagged",) if only_flagged else ("flagged", "NOT flagged"))
        ]
        parameters = [start_at, end_at, *chosen] * len(halves)
        with self.engine.connect() as connection:
            # One snapshot: what moves to a block meanwhile is seen once.
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            found = [read_frame(connection, " UNION ALL ".join(halves), parameters, SCORES)]
            if not only_flagged:
                found.append(self._packed(connection, start_at, end_at, among, chosen))
        return pl.concat(found).sort("series_id", "window_start", "revision")

    def _packed(
        self,
        connection: sa.Connection,
        start_at: datetime,
        end_at: datetime,
        among: str,
        chosen: list[Any],
    ) -> pl.DataFrame:
        query = (
            "SELECT series_id, block_start, content FROM score_blocks"
            f" WHERE block_start > %s AND block_start < %s {among}"
        )
        with driver(connection).cursor(binary=True) as cursor:
            blocks = cursor.execute(query, [start_at - BLOCK, end_at, *chosen])
            rows = decode_blocks(blocks)
        within = (pl.col("window_start") >= start_at) & (pl.col("window_start") < end_at)
        return rows.filter(within)

    def calibration(self, model: str, p: float, last: timedelta) -> list[tuple[int, int]]:
        """(windows, windows with at most that p) of each series the model scored lately.

        `last`: how far back from the newest decision; those that are packed already do not count.
        """
        query = sa.text(
            "SELECT count(*), count(*) FILTER (WHERE p <= :p) FROM scores WHERE model = :model"
            " AND window_start > (SELECT max(window_start) FROM scores) - CAST(:last AS interval)"
            " GROUP BY series_id"
        )
        values = {"model": model, "p": p, "last": last}
        with self.engine.connect() as connection:
            return [(int(row[0]), int(row[1])) for row in connection.execute(query, values)]

    def count_scores(self) -> int:
        """Decisions in the ledger, one a window and revision."""
        query = sa.text(
            "SELECT (SELECT count(*) FROM scores)"
            " + (SELECT coalesce(sum(windows), 0) FROM score_blocks)"
        )
        with self.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def _between(
        self,
        table: str,
        schema: Schema,
        order: str,
        start_at: datetime,
        end_at: datetime,
    ) -> pl.DataFrame:
        query = (
            f"SELECT {', '.join(schema)} FROM {table} "
            f"WHERE window_start >= %s AND window_start < %s ORDER BY {order}, window_start"
        )
        with self.engine.connect() as connection:
            return read_frame(connection, query, (start_at, end_at), schema)
