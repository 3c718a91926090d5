"""Log lines that are kept whole: written, searched and forgotten in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.logs.sampling import KEPT_LINES
from vigil.logs.words import Phrase, words_of
from vigil.stores.database import copy_frame, read_frame

TABLE = "log_lines"
# PostgreSQL's tsvector knows no places beyond.
_MOST_WORDS = 16_000
_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class LineQuery:
    """Which lines, in [start_at, end_at); what is None or empty asks for nothing.

    phrases: of `vigil.logs.words.parse_query`; severity: the least, OpenTelemetry's number;
    template: its id, or a part of its text in any case.
    """

    start_at: datetime
    end_at: datetime
    phrases: tuple[Phrase, ...] = ()
    services: tuple[str, ...] = ()
    tenant: str | None = None
    environment: str | None = None
    severity: int | None = None
    template: str | None = None
    trace_ids: tuple[str, ...] = ()
    limit: int = 100


@dataclass(frozen=True, slots=True)
class FoundLines:
    """documents: the newest lines, newest first. kept, lines: how many were kept of all that the
    query finds, and how many lines these stand for.
    """

    documents: Sequence[dict[str, Any]]
    kept: int
    lines: int


def add_lines(connection: sa.Connection, lines: pl.DataFrame) -> None:
    """Insert lines (schema KEPT_LINES), inside the transaction of the checkpoint they come from."""
    if lines.is_empty():
        return
    words = words_of(lines["message"]).list.head(_MOST_WORDS)
    places = words.list.eval(pl.format("{}:{}", pl.element(), pl.int_range(1, pl.len() + 1)))
    copy_frame(connection, lines.with_columns(words=places.list.join(" ")), TABLE)


def search_lines(engine: sa.Engine, query: LineQuery) -> tuple[pl.DataFrame, int, int]:
    """(the newest lines of schema KEPT_LINES, how many were kept, how many they stand for)."""
    where, values = _conditions(query)
    rows = (
        f"SELECT {', '.join(KEPT_LINES)} FROM {TABLE} WHERE {where}"
        " ORDER BY time DESC, line_id DESC LIMIT %s"
    )
    sums = (
        "SELECT count(*) AS kept, coalesce(sum(lines), 0)::bigint AS lines"
        f" FROM {TABLE} WHERE {where}"
    )
    with engine.connect() as connection:
        found = read_frame(connection, rows, [*values, query.limit], dict(KEPT_LINES))
        kept, lines = read_frame(connection, sums, values).row(0)
    return found, kept, lines


def _conditions(query: LineQuery) -> tuple[str, list[Any]]:
    """(the condition with places for values, the values)."""
    asked: list[tuple[str, tuple[Any, ...]]] = [
        ("time >= %s AND time < %s", (query.start_at, query.end_at))
    ]
    for column, value in (("tenant", query.tenant), ("environment", query.environment)):
        if value is not None:
            asked.append((f"{column} = %s", (value,)))
    if query.services:
        asked.append(("service = ANY(%s)", (list(query.services),)))
    if query.trace_ids:
        asked.append(("trace_id = ANY(%s)", (list(query.trace_ids),)))
    if query.severity is not None:
        asked.append(("severity >= %s", (query.severity,)))
    if query.template is not None:
        part = "(template_id = %s OR strpos(lower(template), lower(%s)) > 0)"
        asked.append((part, (query.template, query.template)))
    asked += [("words @@ %s::tsquery", (_tsquery(phrase),)) for phrase in query.phrases]
    condition = " AND ".join(text for text, _ in asked)
    return condition, [value for _, values in asked for value in values]


def _tsquery(phrase: Phrase) -> str:
    """Words hold letters and digits only, so they need no quoting."""
    last = f"{phrase.words[-1]}:*" if phrase.open else phrase.words[-1]
    asked = " <-> ".join([*phrase.words[:-1], last])
    return f"!({asked})" if phrase.excluded else asked


@dataclass(frozen=True, slots=True)
class LineSpec:
    """How long lines are kept, in days, and how many at most."""

    kept_days: int = 7
    most: int = 5_000_000


class LineKeeper:
    """Forgets lines of one database. Any number of calls, at any time, is safe.

    Ages are measured in event time from the newest line, so that replaying the past forgets
    nothing.
    """

    def __init__(self, engine: sa.Engine, spec: LineSpec) -> None:
        self._engine = engine
        self.spec = spec
        self._stopped = Event()

    def stop(self) -> None:
        """Let a `tidy` that runs in another thread end after its transaction."""
        self._stopped.set()

    def tidy(self) -> int:
        """Forget what is too old or too much; returns how many lines that was.

        Raises StoreError when the database is down.
        """
        forgotten = 0
        while not self._stopped.is_set():
            rows = self._forget()
            forgotten += rows
            if rows < _ROWS_AT_ONCE:
                break
        return forgotten

    def _forget(self) -> int:
        """One transaction's worth."""
        bounds = sa.text(f"SELECT max(time) AS newest, max(number) AS last FROM {TABLE}")
        forget = sa.text(
            f"DELETE FROM {TABLE} WHERE number IN (SELECT number FROM {TABLE}"
            " WHERE number <= :number OR time < :before ORDER BY number LIMIT :rows)"
        )
        with self._engine.begin() as connection:
            newest, last = connection.execute(bounds).one()
            if newest is None:
                return 0
            values = {
                "number": last - self.spec.most,
                "before": newest - timedelta(days=self.spec.kept_days),
                "rows": _ROWS_AT_ONCE,
            }
            return int(connection.execute(forget, values).rowcount)
