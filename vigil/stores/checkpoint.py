"""The scorer's commit: outputs, input offsets and state in one database transaction.

That makes delivery effectively once: after a crash at any moment the database holds either all
of a step or nothing of it, and the log is read again from the offsets that belong to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import polars as pl
import sqlalchemy as sa

from vigil.errors import StoreError
from vigil.stores.database import copy_frame
from vigil.stores.graph import ADD_EDGES
from vigil.stores.log_lines import add_lines
from vigil.stores.sink_outbox import Documents, put_aside
from vigil.stores.timescale import SCORES

Offsets = dict[str, dict[int, int]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a consumer stands. `offsets`: topic → partition → next offset to read."""

    epoch: int
    offsets: Offsets
    counters: dict[str, int]
    state: bytes
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
    # Log lines to keep; see `vigil.logs.sampling`.
    lines: pl.DataFrame = field(default_factory=pl.DataFrame)
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
    """Loads and commits the checkpoints of one consumer."""

    def __init__(self, engine: sa.Engine, consumer: str) -> None:
        self.engine = engine
        self.consumer = consumer

    def load(self) -> Checkpoint | None:
        """The last commit, None for a new consumer."""
        query = sa.text(
            "SELECT epoch, offsets, counters, state, committed_at FROM checkpoints "
            "WHERE consumer = :consumer"
        )
        with self.engine.connect() as connection:
            row = connection.execute(query, {"consumer": self.consumer}).first()
        if row is None:
            return None
        offsets = _with_numbers(row.offsets)
        return Checkpoint(row.epoch, offsets, row.counters, bytes(row.state), row.committed_at)

    def offsets(self) -> Offsets:
        """The committed offsets alone: cheap enough to poll."""
        query = sa.text("SELECT offsets FROM checkpoints WHERE consumer = :consumer")
        with self.engine.connect() as connection:
            found = connection.execute(query, {"consumer": self.consumer}).scalar()
        return _with_numbers(found or {})

    def commit(self, checkpoint: Checkpoint, outputs: Outputs) -> None:
        """Write everything or nothing.

        Raises StoreError when another process has committed for this consumer meanwhile: two
        scorers under one name would count twice.
        """
        with self.engine.begin() as connection:
            self._advance(connection, checkpoint)
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
            if outputs.for_sink is None:
                add_lines(connection, outputs.lines)
            else:
                documents = Documents(outputs.for_sink, outputs.alerts, outputs.lines)
                put_aside(connection, self.consumer, checkpoint.epoch, documents)

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
            "state": checkpoint.state,
        }
        if connection.execute(statement, values).rowcount != 1:
            raise StoreError(
                f"checkpoint {checkpoint.epoch} of {self.consumer!r} does not follow the last one: "
                "another scorer runs under the same name"
            )


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
