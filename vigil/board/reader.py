"""What the board shows, read from the database: the estate, incidents, series, the stream."""

import math
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.alerts.policy.match import matcher_words
from vigil.alerts.why import Ledger
from vigil.board.estate import estate_map
from vigil.config import Settings
from vigil.detect import DetectorSettings
from vigil.drill.record import STREAM as DRILL_STREAM
from vigil.errors import UsageError
from vigil.events.schema import KEY_COLUMNS
from vigil.status import gather_status
from vigil.stores import open_log
from vigil.stores.alerting import WHOLE, AlertStore
from vigil.stores.checkpoint import CONSUMER
from vigil.stores.database import Schema, open_database, read_frame
from vigil.stores.graph import GraphStore
from vigil.stores.labels import LabelStore
from vigil.stores.log import EventLog
from vigil.stores.registry import Registry
from vigil.stores.score_blocks import BLOCK
from vigil.stores.timescale import TIME, WindowStore

# A service is unusual while one of its last windows was.
RECENT_WINDOWS = 5
INCIDENTS_SHOWN = 50
SERIES_SHOWN = 500
GRAPH_MINUTES = 5
# More points than pixels help nobody: a longer range shows the most unusual of each few windows.
MOST_POINTS = 3_000

_RECENT: Schema = {"series_id": pl.Int64, "flagged": pl.Boolean, "warming_up": pl.Float64}
_LISTED = (
    "incident_id", "status", "severity", "title", "origin", "opened_at", "updated_at",
    "resolved_at",
)  # fmt: skip
_POINTS = (
    "window_start", "revision", "actual", "expected", "lower", "upper", "p", "flagged", "gate",
    "model",
)  # fmt: skip


# Who takes care of incident `i`: an acknowledgement ends when the incident is opened again.
_ACKNOWLEDGED = (
    "(SELECT author FROM acknowledgements a WHERE a.incident_id = i.incident_id"
    " AND a.at >= coalesce((SELECT max(dispatched_at) FROM alerts o"
    " WHERE o.incident_id = i.incident_id AND o.document->>'action' IN ('opened', 'reopened')),"
    " '-infinity')) AS acknowledged_by"
)


class NoSuchThing(UsageError):
    """The incident or series that was asked for does not exist."""


class BoardReader:
    """Answers the board's questions; may be shared by threads.

    All methods raise StoreError or LogError when a store is down.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def engine(self) -> sa.Engine:
        """The database."""
        return open_database(self.settings)

    @cached_property
    def _event_log(self) -> EventLog:
        return open_log(self.settings)

    def close(self) -> None:
        """Give connections back."""
        if "engine" in self.__dict__:
            self.engine.dispose()
        if "_event_log" in self.__dict__:
            self._event_log.close()

    def stamp(self) -> tuple[Any, ...]:
        """Changes whenever `sections` may have changed; cheap enough to ask each second."""
        query = sa.text(
            "SELECT (SELECT epoch FROM checkpoints WHERE consumer = :consumer),"
            " (SELECT max(promotion_id) FROM promotions),"
            " (SELECT count(delivered_at) FROM alerts),"
            " (SELECT max(at) FROM acknowledgements),"
            " (SELECT count(*) FROM silences), (SELECT sum(extract(epoch FROM ends_at))"
            " FROM silences)"
        )
        with self.engine.connect() as connection:
            return tuple(connection.execute(query, {"consumer": CONSUMER}).one())

    def sections(self) -> dict[str, Any]:
        """The parts of the page that change by themselves: estate, incidents, stream."""
        registry = Registry(self.engine, self.settings.registry_path)
        return {
            "estate": self._estate(),
            "incidents": self._incidents(),
            "silences": self._silences(),
            "stream": gather_status(self.engine, self._event_log, registry),
        }

    def _estate(self) -> list[dict[str, Any]]:
        series = WindowStore(self.engine).series()
        # Each half has an index of its own; in one condition neither would be used.
        rows = " UNION ALL ".join(
            "SELECT series_id, flagged, warming_up FROM scores"
            f" WHERE {half} AND window_start > %s AND window_start <= %s"
            for half in ("flagged", "NOT flagged")
        )
        query = (
            "SELECT series_id, bool_or(flagged) AS flagged, max(warming_up) AS warming_up"
            f" FROM ({rows}) AS recent GROUP BY series_id"
        )
        newest_at, window_s = self._newest()
        since = newest_at - timedelta(seconds=RECENT_WINDOWS * window_s)
        with self.engine.connect() as connection:
            recent = read_frame(connection, query, (since, newest_at) * 2, _RECENT)
            # A blind spot says nothing of how the service is.
            open_ones = connection.execute(
                sa.text(
                    "SELECT document FROM incidents WHERE status = 'open'"
                    " AND document->>'stream' <> :drill"
                ),
                {"drill": DRILL_STREAM},
            ).scalars()
            return estate_map(series, recent, list(open_ones))

    def _newest(self) -> tuple[datetime, int]:
        """The newest decision, and the length of the stream's windows in seconds.

        The length is read too, since the scorer may have been told another one than this process.
        """
        query = sa.text(
            "SELECT greatest((SELECT max(window_start) FROM scores WHERE flagged),"
            " (SELECT max(window_start) FROM scores WHERE NOT flagged)) AS newest_at, coalesce("
            "(SELECT window_s FROM request_windows ORDER BY window_start DESC LIMIT 1),"
            "(SELECT window_s FROM metric_windows ORDER BY window_start DESC LIMIT 1)) AS window_s"
        )
        with self.engine.connect() as connection:
            found = connection.execute(query).one()
        return found.newest_at or datetime.now(UTC), found.window_s or self.settings.window_s

    def _incidents(self) -> list[dict[str, Any]]:
        query = sa.text(
            f"SELECT document, {_ACKNOWLEDGED} FROM incidents i"
            " WHERE status IN ('open', 'pending', 'resolved')"
            " ORDER BY (status = 'open') DESC, opened_at DESC LIMIT :most"
        )
        with self.engine.connect() as connection:
            rows = connection.execute(query, {"most": INCIDENTS_SHOWN}).all()
        return [
            {name: row.document.get(name) for name in _LISTED}
            | {"acknowledged_by": row.acknowledged_by}
            for row in rows
        ]

    def _silences(self) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            found = AlertStore(connection).silences(datetime.now(UTC))
        return [silence | {"words": matcher_words(silence["match"])} for silence in found]

    def incident(self, incident_id: str) -> dict[str, Any]:
        """The incident's document with its `timeline`: each alert it caused, the oldest first.

        `acknowledged_by` is who takes care since it was last opened; `log` are the decisions on it.
        """
        about = {"id": incident_id}
        query = (
            f"SELECT {WHOLE} AS document, {_ACKNOWLEDGED} FROM incidents i WHERE incident_id = :id"
        )
        with self.engine.connect() as connection:
            found = connection.execute(sa.text(query), about).one_or_none()
            if found is None:
                raise NoSuchThing(f"there is no incident {incident_id!r}")
            document = found.document | {"acknowledged_by": found.acknowledged_by}
            log = AlertStore(connection).log_of(incident_id)
            alerts = connection.execute(
                sa.text(
                    "SELECT action, at, document->>'title' AS title, document->'services' AS"
                    " services, delivered_at, (SELECT max(n.last_error) FROM notifications n"
                    " WHERE n.alert_id = alerts.alert_id) AS last_error"
                    " FROM alerts WHERE incident_id = :id"
                    " ORDER BY at, alert_id"
                ),
                about,
            ).mappings()
            timeline = [dict(row) for row in alerts]
        # Where late data left nothing to speak of, the document has no evidence.
        series = [
            item | {"series_id": str(item["series_id"])} for item in document.get("series", [])
        ]
        traces = document.get("trace_ids", [])
        return document | {
            "series": series, "trace_ids": traces, "timeline": timeline, "log": log,
        }  # fmt: skip

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
        with self.engine.connect() as connection:
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
        names = (
            f"SELECT metric, {', '.join(KEY_COLUMNS)}, greatest("
            "(SELECT max(window_start) FROM scores WHERE series_id = :id),"
            " (SELECT max(block_start) FROM score_blocks WHERE series_id = :id) + :block"
            ") AS newest_at FROM series JOIN keys USING (key_id) WHERE series_id = :id"
        )
        with self.engine.connect() as connection:
            about = {"id": series_id, "block": BLOCK}
            found = connection.execute(sa.text(names), about).mappings().first()
        if found is None:
            raise NoSuchThing(f"there is no series {series_id}")
        end_at = end_at or found["newest_at"] or datetime.now(UTC)
        # Ranges of the store end before their end; the page's include it.
        instant = timedelta(microseconds=1)
        scores = WindowStore(self.engine).scores(
            end_at - last + instant, end_at + instant, series_ids=[series_id]
        )
        newest = scores.unique("window_start", keep="last", maintain_order=True)
        points, windows_per_point = thinned(newest, MOST_POINTS)
        return {
            **found,
            "series_id": str(series_id),
            "end_at": end_at,
            "windows": newest.height,
            "windows_per_point": windows_per_point,
            "points": columns(points),
            "labels": LabelStore(self.engine).of_series(series_id),
        }

    def graph(self, at: datetime | None) -> dict[str, Any]:
        """Calls between services in the `minutes` up to `at`, which defaults to the newest ones."""
        store = GraphStore(self.engine)
        at = at or store.newest()
        edges = store.as_of(at, GRAPH_MINUTES).to_dicts() if at else []
        return {"at": at, "minutes": GRAPH_MINUTES, "edges": edges}

    def ledger(self) -> Ledger:
        """What answers "why?" and "why not?"."""
        rates = (self.settings.alert_rate, DetectorSettings().alert_rate)
        _, window_s = self._newest()
        return Ledger(self.engine, window_s, rates)

    def why(self, series_id: int, at: datetime) -> dict[str, Any]:
        """The ledger's answer on the window that holds `at`: in `words`, and as facts."""
        answer = self.ledger().explain(str(series_id), at)
        return answer.document() | {"series_id": str(series_id), "paged": answer.paged}


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
