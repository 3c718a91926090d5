"""Where scores, alerts and log lines are searched: Elasticsearch by URL, else the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import polars as pl
import sqlalchemy as sa

from vigil.config import Settings
from vigil.errors import ConfigError
from vigil.stores.alerting import WHOLE_ALERT
from vigil.stores.documents import alert_documents, line_documents, score_documents
from vigil.stores.graph import GraphStore
from vigil.stores.log_lines import FoundLines, LineQuery, search_lines
from vigil.stores.timescale import WindowStore


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that the sink will never accept, and why."""

    document_id: str
    reason: str
    document: bytes


class Sink(Protocol):
    """Takes and finds documents; raises SinkError when it cannot.

    Writing the same thing twice leaves one document: ids are made from the content's
    identity. `outside` is False where the database itself is the sink: nothing is sent then.
    """

    outside: bool

    def check(self) -> None:
        """Raise SinkError unless documents can be written now."""
        ...

    def trouble(self) -> str:
        """Why a sink that takes documents now may soon refuse them; empty where nothing is."""
        ...

    def write_scores(self, scored: pl.DataFrame) -> list[Refused]:
        """Scores with their key columns (see `vigil.stream.pipeline.Step`)."""
        ...

    def write_alerts(self, alerts: Sequence[Mapping[str, Any]]) -> list[Refused]:
        """Alert documents (see `vigil.alerts.message`)."""
        ...

    def write_edges(self, edges: pl.DataFrame) -> list[Refused]:
        """Calls between services, columns `EDGES`; each minute once, when it is complete."""
        ...

    def newest_edge(self) -> datetime | None:
        """The last minute of calls that was written, None for none."""
        ...

    def write_lines(self, lines: pl.DataFrame) -> list[Refused]:
        """Log lines, schema `vigil.logs.sampling.KEPT_LINES`."""
        ...

    def lines(self, query: LineQuery) -> FoundLines:
        """Documents of log lines, the newest first."""
        ...

    def scores(self, start_at: datetime, end_at: datetime, limit: int) -> list[dict[str, Any]]:
        """Score documents of windows in [start_at, end_at), the most unusual first."""
        ...

    def alerts(self, start_at: datetime, end_at: datetime, limit: int) -> list[dict[str, Any]]:
        """Alert documents in [start_at, end_at), the newest first."""
        ...

    def count_scores(self) -> int:
        """How many score documents there are."""
        ...

    def refresh(self) -> None:
        """Make everything written findable now."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...


class EmbeddedSink:
    """The database's own ledger and outbox, shown as the documents that Elasticsearch would hold.

    Nothing is written a second time: the checkpoint has stored everything already.
    """

    outside = False

    def __init__(self, engine: sa.Engine) -> None:
        self._windows = WindowStore(engine)
        self._engine = engine

    def check(self) -> None:
        """The database was opened before."""

    def trouble(self) -> str:
        """The database is checked by itself."""
        return ""

    def write_scores(self, scored: pl.DataFrame) -> list[Refused]:
        """The checkpoint's transaction writes them."""
        return []

    def write_alerts(self, alerts: Sequence[Mapping[str, Any]]) -> list[Refused]:
        """The checkpoint's transaction writes them."""
        return []

    def write_edges(self, edges: pl.DataFrame) -> list[Refused]:
        """The checkpoint's transaction writes them."""
        return []

    def newest_edge(self) -> datetime | None:
        """The database is the sink."""
        return GraphStore(self._engine).newest()

    def write_lines(self, lines: pl.DataFrame) -> list[Refused]:
        """The checkpoint's transaction writes them."""
        return []

    def lines(self, query: LineQuery) -> FoundLines:
        """See `Sink`."""
        found, kept, lines = search_lines(self._engine, query)
        return FoundLines(line_documents(found), kept, lines)

    def scores(self, start_at: datetime, end_at: datetime, limit: int) -> list[dict[str, Any]]:
        """See `Sink`."""
        rows = self._windows.scores(start_at, end_at).sort("p", "window_start").head(limit)
        return score_documents(rows.join(self._windows.series(), on="series_id"))

    def alerts(self, start_at: datetime, end_at: datetime, limit: int) -> list[dict[str, Any]]:
        """See `Sink`."""
        query = sa.text(
            f"SELECT {WHOLE_ALERT} AS document FROM alerts WHERE at >= :start_at AND at < :end_at"
            " ORDER BY at DESC, alert_id LIMIT :limit"
        )
        values = {"start_at": start_at, "end_at": end_at, "limit": limit}
        with self._engine.connect() as connection:
            return alert_documents(row.document for row in connection.execute(query, values))

    def count_scores(self) -> int:
        """See `Sink`."""
        return self._windows.count_scores()

    def refresh(self) -> None:
        """What is committed can be found."""

    def close(self) -> None:
        """The engine belongs to the caller."""


def open_sink(settings: Settings, engine: sa.Engine) -> Sink:
    """The sink that VIGIL_SINK_URL names; raises ConfigError for an unknown scheme."""
    if not settings.sink_url:
        return EmbeddedSink(engine)
    if settings.sink_url.startswith(("http://", "https://")):
        from vigil.stores.elastic import ElasticSink

        return ElasticSink(settings.sink_url)
    raise ConfigError(
        f"VIGIL_SINK_URL must start with http:// or https://, got {settings.shown()['sink_url']!r}"
    )
