"""`vigil.connect()`: series, windows, scores, incidents and traces as lazy selections."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa

from vigil.client.html import client_html
from vigil.client.observations import ObservationSource
from vigil.client.scores import ScoreSource, Wanted
from vigil.client.selection import MOST_ROWS, Selection
from vigil.client.sliding import SlidingSource
from vigil.client.sql import Conditions, SqlSource, Where
from vigil.client.time_range import (
    Instant,
    TimeRange,
    parse_instant,
    parse_span,
    resolve_range,
)
from vigil.client.traces import TraceSource
from vigil.config import Settings, load_settings
from vigil.errors import UsageError
from vigil.events.schema import KEY_COLUMNS
from vigil.incidents.incident import (
    DISMISSED,
    OPEN,
    PENDING,
    RESOLVED,
    WITHDRAWN,
)
from vigil.stores.database import Schema, open_database
from vigil.stores.timescale import REQUEST_WINDOWS, SERIES, TIME, newest_window_end

if TYPE_CHECKING:
    from vigil.alerts.labelling import Labelled
    from vigil.client.labelling import LabelWidget
    from vigil.detect.feedback import Verdict

LAST = "6h"
STATUSES = (PENDING, OPEN, RESOLVED, DISMISSED, WITHDRAWN)
# An incident's first requests were under way before its first window was flagged.
BEFORE_INCIDENT = timedelta(minutes=5)

_PLACE = ("metric", *KEY_COLUMNS)
_KEYS = ", ".join(KEY_COLUMNS)
# Lists travel as text; no name holds this separator.
_LIST = "array_to_string(ARRAY(SELECT jsonb_array_elements_text(document->'{}')), chr(31))"
_SELECT_INCIDENTS = (
    "SELECT incident_id, status, document->>'severity' AS severity,"
    " opened_at, updated_at, resolved_at, title,"
    " document->>'reason' AS reason, document->>'origin' AS origin,"
    f" {_LIST.format('services')} AS services,"
    " (document->>'series_count')::bigint AS series_count,"
    f" {_LIST.format('trace_ids')} AS trace_ids FROM incidents"
)

LABELS: Schema = {
    "label_id": pl.Int64,
    "series_id": pl.Int64,
    "window_start": TIME,
    "verdict": pl.String,
    "deviation": pl.Float64,
    "note": pl.String,
    "author": pl.String,
    "made_at": TIME,
    **dict.fromkeys(_PLACE, pl.String),
}

INCIDENTS: Schema = {
    "incident_id": pl.String,
    "status": pl.String,
    "severity": pl.String,
    "opened_at": TIME,
    "updated_at": TIME,
    "resolved_at": TIME,
    "title": pl.String,
    "reason": pl.String,
    "origin": pl.String,
    "services": pl.String,
    "series_count": pl.Int64,
    "trace_ids": pl.String,
}


def connect(home: str | Path | None = None, **settings: Any) -> "Client":
    """A client of the installation whose home is `home` (default: VIGIL_HOME and the rest).

    `settings` override single values, e.g. `store_url="postgresql://…"`. Nothing is opened before
    the first question; then a missing server raises StoreError, a wrong setting ConfigError.
    """
    if home is not None:
        settings["home"] = Path(home)
    return Client(load_settings(**settings))


class Client:
    """What Vigil has seen. Each method gives a lazy `Selection`; use as a context or `close()`.

    `where` takes any of metric, tenant, environment, cloud, region, service, route and method:
    a text, a list of texts, or None for absent. Times are UTC, ranges half open; without `start`
    the range is `last` back from `end`, and without `end` it ends with the newest window.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def _engine(self) -> sa.Engine:
        return open_database(self.settings)

    def close(self) -> None:
        """Give connections back; the embedded database stops with its last user."""
        if "_engine" in self.__dict__:
            self._engine.dispose()
            del self.__dict__["_engine"]

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def newest_at(self) -> datetime:
        """End of the newest window, the clock where there is none."""
        with self._engine.connect() as connection:
            newest = newest_window_end(connection)
        return newest or datetime.now(UTC)

    def _range(self, start: Instant | None, end: Instant | None, last: str) -> TimeRange:
        return resolve_range(start, end, last, self.newest_at if end is None else datetime.now(UTC))

    def series(self, *, most_rows: int = MOST_ROWS, **where: Where) -> Selection:
        """All known series: series_id, key_id, metric and the key columns."""
        source = self._series(where, None, f"metric, {_KEYS}, series_id")
        return Selection("series", source, most_rows)

    def _series(
        self, where: Mapping[str, Where], series_id: int | Sequence[int] | None, order: str
    ) -> SqlSource:
        conditions = Conditions()
        conditions.match(_PLACE, where)
        if series_id is not None:
            wanted = [series_id] if isinstance(series_id, int) else list(series_id)
            conditions.add("series_id = ANY(%s)", wanted)
        select = f"SELECT series_id, key_id, metric, {_KEYS} FROM series JOIN keys USING (key_id)"
        return SqlSource(lambda: self._engine, select, conditions, order, SERIES)

    def windows(
        self,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        last: str = LAST,
        over: str | None = None,
        most_rows: int = MOST_ROWS,
        **where: Where,
    ) -> Selection:
        """Request windows with their key columns: requests, errors, latency quantiles, bytes.

        One row a key and window, in its newest revision, by key and time. `over="1h"` makes them
        slide: each row sums up the hour that ends with its window, and its quantiles are those of
        that hour's requests (from sketches, within 1 %).
        """
        asked = self._range(start, end, last)
        earlier = timedelta() if over is None else parse_span(over, "over")
        conditions = self._within(TimeRange(asked.start_at - earlier, asked.end_at))
        conditions.match(KEY_COLUMNS, where)
        if over is not None:
            sliding = SlidingSource(lambda: self._engine, asked, earlier, conditions)
            return Selection("windows", sliding, most_rows)
        columns = ", ".join(REQUEST_WINDOWS)
        select = f"SELECT {columns}, {_KEYS} FROM request_windows JOIN keys USING (key_id)"
        schema = {**REQUEST_WINDOWS, **dict.fromkeys(KEY_COLUMNS, pl.String)}
        order = "key_id, window_start"
        source = SqlSource(lambda: self._engine, select, conditions, order, schema)
        return Selection("windows", source, most_rows)

    def observations(
        self,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        last: str = "28d",
        most_rows: int = MOST_ROWS,
    ) -> Selection:
        """What models learn from: value and weight of each series and window, in long form.

        Windows of incidents that were labelled true have no value, and what was before a change
        labelled expected is not there. Its frame is what `vigil.features.grid.training_set` takes.
        """
        asked = self._range(start, end, last)
        return Selection("observations", ObservationSource(lambda: self._engine, asked), most_rows)

    def scores(
        self,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        last: str = LAST,
        series_id: int | Sequence[int] | None = None,
        flagged: bool | None = None,
        revisions: bool = False,
        most_rows: int = MOST_ROWS,
        **where: Where,
    ) -> Selection:
        """Decisions: actual, expected, band, p, score, gates and model of each series and window.

        `flagged` keeps those that were (True) or were not (False). A window that late events
        revised has several decisions: the last one counts, `revisions=True` gives them all.
        """
        wanted = Wanted(self._range(start, end, last), flagged, revisions)
        source = ScoreSource(
            lambda: self._engine, self._series(where, series_id, "series_id"), wanted
        )
        return Selection("scores", source, most_rows, _scores_figure)

    def incidents(
        self,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        last: str | None = None,
        status: str | None = None,
        most_rows: int = MOST_ROWS,
    ) -> Selection:
        """Incidents, the newest first: what, since when, why, where from, and its traces.

        Without a range all of them; `status` is pending (not told to anybody yet), open, resolved,
        dismissed (it did not last) or withdrawn (late data took its reason away).
        """
        conditions = Conditions()
        if start is not None or end is not None or last is not None:
            asked = self._range(start, end, last or LAST)
            conditions.add(
                "opened_at < %s AND (resolved_at IS NULL OR resolved_at >= %s)",
                asked.end_at,
                asked.start_at,
            )
        if status is not None:
            if status not in STATUSES:
                raise UsageError(f"status must be one of {', '.join(STATUSES)}, got {status!r}")
            conditions.add("status = %s", status)
        source = self._incidents(conditions)
        return Selection("incidents", source, most_rows)

    def labels(self, *, most_rows: int = MOST_ROWS, **where: Where) -> Selection:
        """Operators' verdicts with the names of their series, the newest first."""
        conditions = Conditions()
        conditions.match(_PLACE, where)
        select = (
            f"SELECT {', '.join(LABELS)} FROM labels JOIN series USING (series_id)"
            " JOIN keys USING (key_id)"
        )
        source = SqlSource(lambda: self._engine, select, conditions, "label_id DESC", LABELS)
        return Selection("labels", source, most_rows)

    def label(
        self, series_id: int, at: Instant, verdict: "Verdict | str", note: str = ""
    ) -> "Labelled":
        """Keep a verdict (true, false, expected) on the window of a series that holds `at`.

        Running scorers learn it within seconds, the next training run as well. Raises UsageError
        for an unknown series or verdict, NoSuchWindow where nothing was scored then.
        """
        from vigil.alerts.labelling import label_window
        from vigil.alerts.operator import who
        from vigil.alerts.why import Ledger
        from vigil.detect import DetectorSettings
        from vigil.detect.feedback import Verdict

        try:
            given = Verdict(verdict)
        except ValueError as error:
            known = ", ".join(item.value for item in Verdict)
            raise UsageError(f"verdict must be one of {known}, got {verdict!r}") from error
        rates = (self.settings.alert_rate, DetectorSettings().alert_rate)
        ledger = Ledger(self._engine, self.settings.window_s, rates)
        instant = parse_instant("at", at)
        return label_window(self._engine, ledger, str(series_id), instant, given, note, who())

    def labeller(
        self,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        last: str = LAST,
        note: str = "",
        **where: Where,
    ) -> "LabelWidget":
        """A widget of the range's alerts with three buttons each, for a notebook."""
        from vigil.client.labelling import LabelWidget

        def keep(series_id: int, at: datetime, verdict: "Verdict") -> str:
            kept = self.label(series_id, at, verdict, note)
            return f"kept: {kept.series} at {kept.window_start:%H:%M:%S} was {verdict.value}"

        found = self.scores(start, end, last=last, **where)  # type: ignore[arg-type]
        return LabelWidget(found.polars(), keep)

    def traces(
        self,
        trace_ids: str | Sequence[str] | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
        *,
        incident: str | None = None,
        last: str = "1h",
        most_rows: int = MOST_ROWS,
    ) -> Selection:
        """Request spans (columns of EVENTS), by trace and time.

        Of `trace_ids`, of the requests that an `incident` points at, or, without either, all of
        the range. They come from the event log, which is read from its beginning: about half a
        million events a second, and only as far back as the log is kept.
        """
        if incident is not None:
            found = self._incident(incident)
            trace_ids = found["trace_ids"]
            start = start or found["opened_at"] - BEFORE_INCIDENT
            end = end or (found["resolved_at"] or self.newest_at)
        wanted = [trace_ids] if isinstance(trace_ids, str) else trace_ids
        source = TraceSource(
            self.settings, self._range(start, end, last), None if wanted is None else list(wanted)
        )
        return Selection("traces", source, most_rows)

    def _incidents(self, conditions: Conditions) -> SqlSource:
        order = "opened_at DESC, incident_id"
        return SqlSource(
            lambda: self._engine, _SELECT_INCIDENTS, conditions, order, INCIDENTS, _split_lists
        )

    def _incident(self, incident_id: str) -> dict[str, Any]:
        conditions = Conditions()
        conditions.match(("incident_id",), {"incident_id": incident_id})
        rows = self._incidents(conditions).fetch(1)
        if rows.is_empty():
            raise UsageError(f"there is no incident {incident_id!r}; see v.incidents()")
        return rows.row(0, named=True)

    @staticmethod
    def _within(asked: TimeRange) -> Conditions:
        conditions = Conditions()
        conditions.add("window_start >= %s AND window_start < %s", asked.start_at, asked.end_at)
        return conditions

    def _repr_html_(self) -> str:
        facts = {
            "series": f"{len(self.series()):,}",
            "newest window": f"{self.newest_at:%Y-%m-%d %H:%M:%S} UTC",
            "open incidents": f"{len(self.incidents(status='open')):,}",
            "incidents": f"{len(self.incidents()):,}",
        }
        return client_html(str(self.settings.home), facts)


def _split_lists(frame: pl.DataFrame) -> pl.DataFrame:
    lists = ("services", "trace_ids")
    return frame.with_columns(
        pl.col(name).fill_null("").str.split("\x1f").list.filter(pl.element() != "")
        for name in lists
    )


def _scores_figure(frame: pl.DataFrame) -> Any:
    from vigil.client.plot import scores_figure

    return scores_figure(frame)
