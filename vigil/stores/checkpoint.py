"""The scorer's commit: outputs, input offsets and state in one database transaction.

That makes delivery effectively once: after a crash at any moment the database holds either all
of a step or nothing of it, and the log is read again from the offsets that belong to it.

The state comes in named parts. Those that are as they were at the last commit are not written
again. Frames and arrays may lie in a file of the scorer's machine instead; they are durable there
before the database names them.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import polars as pl
import sqlalchemy as sa

from vigil.errors import StoreError
from vigil.stores.database import copy_frame, driver_cursor
from vigil.stores.graph import ADD_EDGES
from vigil.stores.journeys import ADD_JOURNEYS
from vigil.stores.local_state import LocalState
from vigil.stores.log_lines import add_lines
from vigil.stores.sink_outbox import Documents, put_aside
from vigil.stores.timescale import SCORES
from vigil.stores.trials import ADD_HOURS

Offsets = dict[str, dict[int, int]]

# The name under which `vigil score` commits, and reads on.
CONSUMER = "vigil-scorer"
# The part that holds all others: the state of a version that knew no parts.
WHOLE = "state.zip"
# Documents are small, and read from other machines too.
_DOCUMENT = ".json"
_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the state. The same `source`, the very object, promises the same content."""

    source: object
    content: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a consumer stands. `offsets`: topic → partition → next offset to read; `state`, when
    it was loaded: name of a part → its content.
    """

    epoch: int
    offsets: Offsets
    counters: dict[str, int]
    state: Mapping[str, bytes] = field(default_factory=dict)
    committed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a step produced, as frames whose columns are those of the tables."""

    keys: pl.DataFrame
    series: pl.DataFrame
    request_windows: pl.DataFrame
    metric_windows: pl.DataFrame
    scores: pl.DataFrame
    late: pl.DataFrame
    incidents: Sequence[Mapping[str, Any]] = field(default_factory=list)
    alerts: Sequence[Mapping[str, Any]] = field(default_factory=list)
    # Which incident each flagged window joined, and why.
    attributions: pl.DataFrame = field(default_factory=pl.DataFrame)
    # Calls between services, by minute; they add to what is there.
    edges: pl.DataFrame = field(default_factory=pl.DataFrame)
    # Complete traces, by journey and minute; they add to what is there.
    journeys: pl.DataFrame = field(default_factory=pl.DataFrame)
    # Log lines to keep; see `vigil.logs.sampling`.
    lines: pl.DataFrame = field(default_factory=pl.DataFrame)
    # What the shadow of a trial made of the same windows; hours add to what is there.
    shadow_hours: pl.DataFrame = field(default_factory=pl.DataFrame)
    shadow_pages: pl.DataFrame = field(default_factory=pl.DataFrame)
    # Scores with their key columns, where a sink outside of the database wants them.
    for_sink: pl.DataFrame | None = None


# A window that comes again is a revision of itself.
_REQUEST_COLUMNS = (
    "window_s", "revision", "requests", "errors", "duration_ms_sum", "duration_ms_max",
    "latency_ms_p50", "latency_ms_p95", "latency_ms_p99", "request_bytes", "response_bytes",
    "sketch_buckets", "sketch_counts", "worst_traces",
)  # fmt: skip
_METRIC_COLUMNS = (
    "window_s", "revision", "points", "value_sum", "value_min", "value_max",
)  # fmt: skip


def _replace(identity: str, columns: Sequence[str]) -> str:
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return f"({identity}) DO UPDATE SET {updates}"


class CheckpointStore:
    """Loads and commits the checkpoints of one consumer; `local`: where its state lies, if not in
    the database.
    """

    def __init__(self, engine: sa.Engine, consumer: str, local: LocalState | None = None) -> None:
        self.engine = engine
        self.consumer = consumer
        self._local = local
        # Source and digest of each part that the database has, None before it is known.
        self._written: dict[str, tuple[object, bytes]] | None = None

    def position(self) -> Checkpoint | None:
        """The last commit without its state; None for a new consumer."""
        query = sa.text(
            "SELECT epoch, offsets, counters, committed_at FROM checkpoints"
            " WHERE consumer = :consumer"
        )
        with self.engine.connect() as connection:
            row = connection.execute(query, {"consumer": self.consumer}).first()
        if row is None:
            return None
        offsets = _with_numbers(row.offsets)
        return Checkpoint(row.epoch, offsets, row.counters, {}, row.committed_at)

    def load(self, only: Sequence[str] | None = None) -> Checkpoint | None:
        """The last commit, None for a new consumer; `only`: the parts of its state."""
        query = sa.text(
            "SELECT epoch, offsets, counters, state, committed_at FROM checkpoints "
            "WHERE consumer = :consumer"
        )
        with self.engine.connect() as connection:
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            row = connection.execute(query, {"consumer": self.consumer}).first()
            state = self._load_parts(connection, only)
        if row is None:
            return None
        if only is None:
            self._written = {name: (content, _digest(content)) for name, content in state.items()}
            if self._local:
                self._local.sweep(digest for _, digest in self._written.values())
        if row.state:
            # A version that kept the state in one piece has committed last.
            state = {WHOLE: bytes(row.state)}
        offsets = _with_numbers(row.offsets)
        return Checkpoint(row.epoch, offsets, row.counters, state, row.committed_at)

    def _load_parts(
        self, connection: sa.Connection, only: Sequence[str] | None
    ) -> dict[str, bytes]:
        query = "SELECT part, content, digest FROM checkpoint_parts WHERE consumer = %s"
        values: list[object] = [self.consumer]
        if only is not None:
            query += " AND part = ANY(%s)"
            values.append(list(only))
        with driver_cursor(connection, binary=True) as cursor:
            rows = cursor.execute(query, values).fetchall()
        found = {name: bytes(content) for name, content, digest in rows if digest is None}
        elsewhere = {name: bytes(digest) for name, _, digest in rows if digest is not None}
        if elsewhere and self._local is None:
            raise StoreError(
                f"the state of {self.consumer!r} lies in a file of the machine that it ran on:"
                " VIGIL_STATE_URL must name it"
            )
        contents = self._local.get(set(elsewhere.values())) if self._local else {}
        return found | {name: contents[digest] for name, digest in elsewhere.items()}

    def offsets(self) -> Offsets:
        """The committed offsets alone: cheap enough to poll."""
        query = sa.text("SELECT offsets FROM checkpoints WHERE consumer = :consumer")
        with self.engine.connect() as connection:
            found = connection.execute(query, {"consumer": self.consumer}).scalar()
        return _with_numbers(found or {})

    def commit(
        self, checkpoint: Checkpoint, outputs: Outputs, state: Mapping[str, Part] | None = None
    ) -> None:
        """Write everything or nothing: of `state` what is not there already.

        Raises StoreError when another process has committed for this consumer meanwhile: two
        scorers under one name would count twice.
        """
        written, changed = self._compare(state or {})
        moved: dict[str, bytes] = {}
        if self._local:
            moved = {name: written[name][1] for name in changed if not name.endswith(_DOCUMENT)}
            self._local.put({digest: changed[name] for name, digest in moved.items()})
        with self.engine.begin() as connection:
            self._advance(connection, checkpoint)
            self._write_parts(connection, changed, moved, [*(self._written or {})], written)
            copy_frame(connection, outputs.keys, "keys", "DO NOTHING")
            copy_frame(connection, outputs.series, "series", "DO NOTHING")
            copy_frame(
                connection,
                outputs.request_windows.select("key_id", "window_start", *_REQUEST_COLUMNS),
                "request_windows",
                _replace("key_id, window_start", _REQUEST_COLUMNS),
            )
            copy_frame(
                connection,
                outputs.metric_windows.select("series_id", "window_start", *_METRIC_COLUMNS),
                "metric_windows",
                _replace("series_id, window_start", _METRIC_COLUMNS),
            )
            copy_frame(connection, outputs.scores.select(list(SCORES)), "scores")
            copy_frame(connection, outputs.late, "late_events")
            write_incidents(connection, outputs.incidents, outputs.alerts)
            # A revised window that is still flagged stays where it joined.
            copy_frame(connection, outputs.attributions, "attributions", "DO NOTHING")
            copy_frame(connection, outputs.edges, "service_edges", ADD_EDGES)
            copy_frame(connection, outputs.journeys, "journey_minutes", ADD_JOURNEYS)
            copy_frame(connection, outputs.shadow_hours, "shadow_hours", ADD_HOURS)
            copy_frame(connection, outputs.shadow_pages, "shadow_pages", "DO NOTHING")
            if outputs.for_sink is None:
                add_lines(connection, outputs.lines)
            else:
                documents = Documents(outputs.for_sink, outputs.alerts, outputs.lines)
                put_aside(connection, self.consumer, checkpoint.epoch, documents)
        before, self._written = self._written or {}, written
        if self._local:
            self._local.forget(_digests(before) - _digests(written))

    def _compare(
        self, state: Mapping[str, Part]
    ) -> tuple[dict[str, tuple[object, bytes]], dict[str, bytes]]:
        """(source and digest of every part, content of those that are not in the database)."""
        before = self._written or {}
        after, changed = {}, {}
        for name, part in state.items():
            source, digest = before.get(name, (_UNKNOWN, b""))
            if source is not part.source:
                content = part.content()
                if (found := _digest(content)) != digest:
                    digest, changed[name] = found, content
            after[name] = (part.source, digest)
        return after, changed

    def _write_parts(
        self,
        connection: sa.Connection,
        changed: Mapping[str, bytes],
        moved: Mapping[str, bytes],
        before: Sequence[str],
        after: Mapping[str, object],
    ) -> None:
        """Bring the table from the parts of the last commit to those of this one. Of those `moved`
        elsewhere it has the digests.
        """
        with driver_cursor(connection) as cursor:
            delete = "DELETE FROM checkpoint_parts WHERE consumer = %s"
            if self._written is None:
                cursor.execute(delete, [self.consumer])
            else:
                stale = [*changed, *(name for name in before if name not in after)]
                cursor.execute(delete + " AND part = ANY(%s)", [self.consumer, stale])
            with cursor.copy(
                "COPY checkpoint_parts (consumer, part, content, digest) FROM STDIN (FORMAT binary)"
            ) as copy:
                copy.set_types(["text", "text", "bytea", "bytea"])
                for name, content in changed.items():
                    kept = b"" if name in moved else content
                    copy.write_row((self.consumer, name, kept, moved.get(name)))

    def _advance(self, connection: sa.Connection, checkpoint: Checkpoint) -> None:
        statement = sa.text(
            "INSERT INTO checkpoints AS c (consumer, epoch, offsets, counters, state, committed_at)"
            " VALUES (:consumer, :epoch, CAST(:offsets AS jsonb), CAST(:counters AS jsonb),"
            " :state, now())"
            " ON CONFLICT (consumer) DO UPDATE SET epoch = excluded.epoch,"
            " offsets = excluded.offsets, counters = excluded.counters, state = excluded.state,"
            " committed_at = excluded.committed_at WHERE c.epoch = excluded.epoch - 1"
        )
        values = {
            "consumer": self.consumer,
            "epoch": checkpoint.epoch,
            "offsets": orjson.dumps(checkpoint.offsets, option=orjson.OPT_NON_STR_KEYS).decode(),
            "counters": orjson.dumps(checkpoint.counters).decode(),
            # Where a version before parts kept all of it.
            "state": b"",
        }
        if connection.execute(statement, values).rowcount != 1:
            raise StoreError(
                f"checkpoint {checkpoint.epoch} of {self.consumer!r} does not follow the last one: "
                "another scorer runs under the same name"
            )


def _digests(parts: Mapping[str, tuple[object, bytes]]) -> set[bytes]:
    return {digest for _, digest in parts.values()}


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def _with_numbers(offsets: Mapping[str, Mapping[str, int]]) -> Offsets:
    """JSON knows keys as text only."""
    return {
        topic: {int(partition): offset for partition, offset in partitions.items()}
        for topic, partitions in offsets.items()
    }


def write_incidents(
    connection: sa.Connection,
    incidents: Sequence[Mapping[str, Any]],
    alerts: Sequence[Mapping[str, Any]],
) -> None:
    """Insert or replace incidents, and insert alerts that are not there yet."""
    if incidents:
        connection.execute(
            sa.text(
                "INSERT INTO incidents (incident_id, status, opened_at, updated_at, resolved_at,"
                " title, document) VALUES (:incident_id, :status, CAST(:opened_at AS timestamptz),"
                " CAST(:updated_at AS timestamptz), CAST(:resolved_at AS timestamptz), :title,"
                " CAST(:document AS jsonb))"
                " ON CONFLICT (incident_id) DO UPDATE SET status = excluded.status,"
                " updated_at = excluded.updated_at, resolved_at = excluded.resolved_at,"
                " title = excluded.title, document = excluded.document"
            ),
            [
                {key: document[key] for key in _INCIDENT_COLUMNS}
                | {"document": orjson.dumps(document).decode()}
                for document in incidents
            ],
        )
    if alerts:
        connection.execute(
            sa.text(
                "INSERT INTO alerts (alert_id, incident_id, action, at, document) VALUES"
                " (:alert_id, :incident_id, :action, CAST(:at AS timestamptz),"
                " CAST(:document AS jsonb))"
                " ON CONFLICT (alert_id) DO NOTHING"
            ),
            [
                {key: alert[key] for key in ("alert_id", "incident_id", "action", "at")}
                | {"document": orjson.dumps(alert).decode()}
                for alert in alerts
            ],
        )


_INCIDENT_COLUMNS = (
    "incident_id", "status", "opened_at", "updated_at", "resolved_at", "title",
)  # fmt: skip
