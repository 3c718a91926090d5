"""What the board shows, read from the database: the estate, incidents, series, the stream."""

import math
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.board.estate import estate_map
from vigil.config import Settings
from vigil.errors import UsageError
from vigil.events.schema import KEY_COLUMNS
from vigil.status import CONSUMER, gather_status
from vigil.stores import open_log
from vigil.stores.database import Schema, open_database, read_frame
from vigil.stores.log import EventLog
from vigil.stores.registry import Registry
from vigil.stores.timescale import SCORES, TIME, WindowStore

# A service is unusual while one of its last windows was.
RECENT_WINDOWS = 5
INCIDENTS_SHOWN = 50
SERIES_SHOWN = 500
# More points than pixels help nobody: a longer range shows the most unusual of each few windows.
MOST_POINTS = 3_000

_RECENT: Schema = {"series_id": pl.Int64, "flagged": pl.Boolean, "warming_up": pl.Float64}
_POINTS = (
    "window_start", "revision", "actual", "expected", "lower", "upper", "p", "flagged", "gate",
    "model",
)  # fmt: skip


class NoSuchThing(UsageError):
    """The incident or series that was asked for does not exist."""


class BoardReader:
    """Answers the board's questions; may be shared by threads.

    All methods raise StoreError or LogError when a store is down.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def _engine(self) -> sa.Engine:
        return open_database(self.settings)

    @cached_property
    def _event_log(self) -> EventLog:
        return open_log(self.settings)

    def close(self) -> None:
        """Give connections back."""
        if "_engine" in self.__dict__:
            self._engine.dispose()
        if "_event_log" in self.__dict__:
            self._event_log.close()

    def stamp(self) -> tuple[Any, ...]:
        """Changes whenever `sections` may have changed; cheap enough to ask each second."""
        query = sa.text(
            "SELECT (SELECT epoch FROM checkpoints WHERE consumer = :consumer),"
            " (SELECT max(promotion_id) FROM promotions),"
            " (SELECT count(delivered_at) FROM alerts)"
        )
        with self._engine.connect() as connection:
            return tuple(connection.execute(query, {"consumer": CONSUMER}).one())

    def sections(self) -> dict[str, Any]:
        """The parts of the page that change by themselves: estate, incidents, stream."""
        registry = Registry(self._engine, self.settings.registry_path)
        return {
            "estate": self._estate(),
            "incidents": self._incidents(),
            "stream": gather_status(self._engine, self._event_log, registry),
        }

    def _estate(self) -> list[dict[str, Any]]:
        series = WindowStore(self._engine).series()
        query = (
            "SELECT series_id, bool_or(flagged) AS flagged, max(warming_up) AS warming_up"
            " FROM scores WHERE window_start > (SELECT max(window_start) FROM scores) - %s"
            " GROUP BY series_id"
        )
        span = timedelta(seconds=RECENT_WINDOWS * self._window_s())
        with self._engine.connect() as connection:
            recent = read_frame(connection, query, (span,), _RECENT)
            open_ones = connection.execute(
                sa.text("SELECT document FROM incidents WHERE status = 'open'")
            ).scalars()
            return estate_map(series, recent, list(open_ones))

    def _window_s(self) -> int:
        """Length of the stream's windows, which another process may have been told."""
        query = sa.text(
            "SELECT coalesce("
            "(SELECT window_s FROM request_windows ORDER BY window_start DESC LIMIT 1),"
            "(SELECT window_s FROM metric_windows ORDER BY window_start DESC LIMIT 1))"
        )
        with self._engine.connect() as connection:
            found: int | None = connection.execute(query).scalar()
        return found or self.settings.window_s

    def _incidents(self) -> list[dict[str, Any]]:
        query = sa.text(
            "SELECT document - '{series,trace_ids,alert_id,action,at,stream}'::text[]"
            " FROM incidents ORDER BY (status = 'open') DESC, opened_at DESC LIMIT :most"
        )
        with self._engine.connect() as connection:
            return list(connection.execute(query, {"most": INCIDENTS_SHOWN}).scalars())

    def incident(self, incident_id: str) -> dict[str, Any]:
        """The incident's document with its `timeline`: each alert it caused, the oldest first."""
        about = {"id": incident_id}
        with self._engine.connect() as connection:
            document = connection.execute(
                sa.text("SELECT document FROM incidents WHERE incident_id = :id"), about
            ).scalar()
            if document is None:
                raise NoSuchThing(f"there is no incident {incident_id!r}")
            alerts = connection.execute(
                sa.text(
                    "SELECT action, at, document->>'title' AS title, document->'services' AS"
                    " services, delivered_at, last_error FROM alerts WHERE incident_id = :id"
                    " ORDER BY at, alert_id"
                ),
                about,
            ).mappings()
            timeline = [dict(row) for row in alerts]
        series = [item | {"series_id": str(item["series_id"])} for item in document["series"]]
        return document | {"series": series, "timeline": timeline}

    def service(self, environment: str | None, service: str) -> list[dict[str, Any]]:
        """The series of a service in an environment, the most unusual first."""
        query = (
            "SELECT series.series_id, metric, route, method, region, s.window_start, s.actual,"
            " s.expected, s.p, s.flagged, s.warming_up FROM series JOIN keys USING (key_id)"
            " LEFT JOIN LATERAL (SELECT * FROM scores WHERE scores.series_id = series.series_id"
            " ORDER BY window_start DESC, revision DESC LIMIT 1) AS s ON true"
            " WHERE service = %s AND environment IS NOT DISTINCT FROM %s"
            " ORDER BY s.p NULLS LAST, metric, route LIMIT %s"
        )
        schema: Schema = {
            "series_id": pl.Int64, "metric": pl.String, "route": pl.String, "method": pl.String,
            "region": pl.String, "window_start": TIME, "actual": pl.Float64,
            "expected": pl.Float64, "p": pl.Float64, "flagged": pl.Boolean,
            "warming_up": pl.Float64,
        }  # fmt: skip
        with self._engine.connect() as connection:
            values = (service, environment, SERIES_SHOWN)
            frame = read_frame(connection, query, values, schema)
        if frame.is_empty():
            raise NoSuchThing(f"there is no service {service!r} in environment {environment!r}")
        return [row | {"series_id": str(row["series_id"])} for row in frame.iter_rows(named=True)]

    def series(self, series_id: int, end_at: datetime | None, last: timedelta) -> dict[str, Any]:
        """A series and its decisions in columns, the newest revision of each window.

        `end_at` defaults to its newest window. `windows_per_point` is above 1 where a point stands
        for the most unusual of several windows.
        """
        place = ", ".join(KEY_COLUMNS)
        names = (
            f"SELECT metric, {place}, (SELECT max(window_start) FROM scores"
            " WHERE series_id = :id) AS newest_at FROM series JOIN keys USING (key_id)"
            " WHERE series_id = :id"
        )
        with self._engine.connect() as connection:
            found = connection.execute(sa.text(names), {"id": series_id}).mappings().first()
            if found is None:
                raise NoSuchThing(f"there is no series {series_id}")
            end_at = end_at or found["newest_at"] or datetime.now(UTC)
            query = (
                f"SELECT {', '.join(SCORES)} FROM scores WHERE series_id = %s"
                " AND window_start > %s AND window_start <= %s ORDER BY window_start, revision"
            )
            values = (series_id, end_at - last, end_at)
            scores = read_frame(connection, query, values, SCORES)
        newest = scores.unique("window_start", keep="last", maintain_order=True)
        points, windows_per_point = thinned(newest, MOST_POINTS)
        return {
            **found,
            "series_id": str(series_id),
            "end_at": end_at,
            "windows": newest.height,
            "windows_per_point": windows_per_point,
            "points": columns(points),
        }


def thinned(scores: pl.DataFrame, most: int) -> tuple[pl.DataFrame, int]:
    """At most `most` rows, and how many windows each stands for: it is their most unusual."""
    windows_per_point = max(1, math.ceil(scores.height / most))
    if windows_per_point == 1:
        return scores, 1
    groups = scores.with_row_index("row").with_columns(pl.col("row") // windows_per_point)
    kept = groups.sort("row", "p").unique("row", keep="first", maintain_order=True)
    return kept.drop("row"), windows_per_point


def columns(points: pl.DataFrame) -> dict[str, list[Any]]:
    """Columns ready for a chart: times as epoch seconds."""
    shown = points.select(*_POINTS).with_columns(pl.col("window_start").dt.epoch("us") / 1e6)
    return shown.rename({"window_start": "time_s"}).to_dict(as_series=False)
