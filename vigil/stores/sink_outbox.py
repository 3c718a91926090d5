"""Documents that wait for the sink, committed together with the state they come from."""

import io
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl
import sqlalchemy as sa

EPOCHS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Documents:
    """What a sink is to get: scores with their key columns, alerts, log lines (KEPT_LINES)."""

    scores: pl.DataFrame
    alerts: Sequence[Mapping[str, Any]]
    lines: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Waiting:
    """The oldest documents of a consumer, up to and with the checkpoint `last_epoch`."""

    last_epoch: int
    documents: Documents


def put_aside(connection: sa.Connection, consumer: str, epoch: int, documents: Documents) -> None:
    """Keep the documents of one checkpoint, inside its transaction."""
    if documents.scores.is_empty() and not documents.alerts and documents.lines.is_empty():
        return
    connection.execute(
        sa.text(
            "INSERT INTO sink_outbox (consumer, epoch, scores, alerts, lines)"
            " VALUES (:consumer, :epoch, :scores, CAST(:alerts AS jsonb), :lines)"
        ),
        {
            "consumer": consumer,
            "epoch": epoch,
            "scores": _packed(documents.scores),
            "alerts": orjson.dumps(list(documents.alerts)).decode(),
            "lines": _packed(documents.lines),
        },
    )


def _packed(frame: pl.DataFrame) -> bytes | None:
    if frame.is_empty():
        return None
    blob = io.BytesIO()
    frame.write_ipc(blob, compression="zstd")
    return blob.getvalue()


def _together(blobs: Iterable[bytes | None]) -> pl.DataFrame:
    frames = [pl.read_ipc(io.BytesIO(blob)) for blob in blobs if blob is not None]
    return pl.concat(frames) if frames else pl.DataFrame()


class SinkOutbox:
    """What one consumer has put aside."""

    def __init__(self, engine: sa.Engine, consumer: str) -> None:
        self._engine = engine
        self._consumer = consumer

    def waiting(self) -> Waiting | None:
        """The oldest documents, None when the sink has everything.

        Alerts wait until they were decided on: by then their cause was looked for.
        """
        query = sa.text(
            "SELECT epoch, scores, alerts, lines, NOT EXISTS (SELECT 1 FROM"
            " jsonb_array_elements(alerts) a JOIN alerts t ON t.alert_id = a->>'alert_id'"
            " WHERE t.dispatched_at IS NULL) AS decided"
            " FROM sink_outbox WHERE consumer = :consumer ORDER BY epoch LIMIT :count"
        )
        values = {"consumer": self._consumer, "count": EPOCHS_AT_ONCE}
        with self._engine.connect() as connection:
            found = connection.execute(query, values).all()
            rows = list(itertools.takewhile(lambda row: row.decided, found))
            if not rows:
                return None
            alerts = _localised(connection, [alert for row in rows for alert in row.alerts])
        documents = Documents(
            _together(row.scores for row in rows), alerts, _together(row.lines for row in rows)
        )
        return Waiting(rows[-1].epoch, documents)

    def forget(self, taken: Waiting) -> None:
        """The sink has them."""
        statement = sa.text(
            "DELETE FROM sink_outbox WHERE consumer = :consumer AND epoch <= :epoch"
        )
        with self._engine.begin() as connection:
            values = {"consumer": self._consumer, "epoch": taken.last_epoch}
            connection.execute(statement, values)


def _localised(
    connection: sa.Connection, alerts: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Alerts with what is known about their incident's cause."""
    query = sa.text(
        "SELECT incident_id, localisation FROM incidents"
        " WHERE incident_id = ANY(:ids) AND localisation IS NOT NULL"
    )
    ids = list({alert["incident_id"] for alert in alerts})
    known = {row.incident_id: row.localisation for row in connection.execute(query, {"ids": ids})}
    return [{**alert, **known.get(alert["incident_id"], {})} for alert in alerts]
