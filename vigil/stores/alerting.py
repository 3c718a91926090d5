"""Everything about alerts that outlives a process: cases, notifications, silences, the log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

# An incident's or alert's document with what was found out about the incident's cause.
WHOLE = "document || coalesce(localisation, '{}'::jsonb)"
_INCIDENT_OF = "(SELECT localisation FROM incidents i WHERE i.incident_id = alerts.incident_id)"
WHOLE_ALERT = f"document || coalesce({_INCIDENT_OF}, '{{}}'::jsonb)"

# The last verdict on a window of one of an incident's series, within the incident.
_LABEL = (
    "(SELECT jsonb_build_object('verdict', l.verdict, 'note', l.note) FROM labels l"
    " JOIN jsonb_to_recordset(document->'series') AS s(series_id bigint) USING (series_id)"
    " WHERE l.window_start BETWEEN incidents.opened_at AND incidents.resolved_at"
    " ORDER BY l.label_id DESC LIMIT 1)"
)

WAITING, SENT, FAILED, DEAD = "waiting", "sent", "failed", "dead"
ALERTS_AT_ONCE = 200
NOTIFICATIONS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notification whose turn it is."""

    notification_id: str
    alert_id: str
    incident_id: str
    channel: str
    action: str
    document: dict[str, Any]
    attempts: int


class AlertStore:
    """Reads and writes inside of the caller's transaction, so that decisions are all or none."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def undispatched(self) -> list[dict[str, Any]]:
        """Alert documents that nobody has decided on, in order."""
        query = (
            f"SELECT {WHOLE_ALERT} FROM alerts WHERE dispatched_at IS NULL"
            " ORDER BY sequence LIMIT :n"
        )
        return list(self.connection.execute(sa.text(query), {"n": ALERTS_AT_ONCE}).scalars())

    def put_localisations(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        """Incident → what is known about its cause; replaces what was."""
        self._many(
            "UPDATE incidents SET localisation = CAST(:document AS jsonb) WHERE incident_id = :id",
            [{"id": number, "document": _json(document)} for number, document in found.items()],
        )

    def mark_dispatched(self, alert_ids: Sequence[str], at: datetime) -> None:
        """They need not be decided on again."""
        statement = "UPDATE alerts SET dispatched_at = :at WHERE alert_id = ANY(:ids)"
        self.connection.execute(sa.text(statement), {"at": at, "ids": list(alert_ids)})

    def open_cases(self) -> list[dict[str, Any]]:
        """States of cases that are open."""
        query = "SELECT state FROM cases WHERE open"
        return list(self.connection.execute(sa.text(query)).scalars())

    def put_cases(self, states: Iterable[Mapping[str, Any]]) -> None:
        """Insert or replace by incident."""
        rows = [
            {"id": state["incident_id"], "open": state["open"], "state": _json(state)}
            for state in states
        ]
        self._many(
            "INSERT INTO cases (incident_id, open, state) VALUES (:id, :open,"
            " CAST(:state AS jsonb)) ON CONFLICT (incident_id) DO UPDATE SET"
            " open = excluded.open, state = excluded.state",
            rows,
        )

    def limits(self) -> dict[str, Any] | None:
        """The limiter's state."""
        query = "SELECT state FROM dispatch_limits"
        found: dict[str, Any] | None = self.connection.execute(sa.text(query)).scalar()
        return found

    def put_limits(self, state: Mapping[str, Any]) -> None:
        """Replace the limiter's state."""
        self._many(
            "INSERT INTO dispatch_limits (state) VALUES (CAST(:state AS jsonb))"
            " ON CONFLICT (only_one) DO UPDATE SET state = excluded.state",
            [{"state": _json(state)}],
        )

    def append_log(self, entries: Iterable[tuple[str, datetime, str, str]]) -> None:
        """(incident_id, at, kind, words) of each decision."""
        names = ("incident_id", "at", "kind", "words")
        self._many(
            "INSERT INTO dispatch_log (incident_id, at, kind, words)"
            " VALUES (:incident_id, :at, :kind, :words)",
            [dict(zip(names, entry, strict=True)) for entry in entries],
        )

    def log_of(self, incident_id: str) -> list[dict[str, Any]]:
        """Decisions on one incident, oldest first."""
        query = "SELECT at, kind, words FROM dispatch_log WHERE incident_id = :id ORDER BY entry_id"
        rows = self.connection.execute(sa.text(query), {"id": incident_id})
        return [dict(row) for row in rows.mappings()]

    def add_notifications(
        self, messages: Iterable[tuple[str, str, Mapping[str, Any]]], at: datetime
    ) -> None:
        """(notification_id, channel, document); a known id changes nothing."""
        rows = [
            {
                "id": notification_id, "alert_id": document["alert_id"],
                "incident_id": document["incident_id"], "channel": channel,
                "action": document["action"], "document": _json(document), "at": at,
            }
            for notification_id, channel, document in messages
        ]  # fmt: skip
        self._many(
            "INSERT INTO notifications (notification_id, alert_id, incident_id, channel, action,"
            " document, created_at, due_at) VALUES (:id, :alert_id, :incident_id, :channel,"
            " :action, CAST(:document AS jsonb), :at, :at) ON CONFLICT DO NOTHING",
            rows,
        )

    def due_notifications(self, now_at: datetime) -> list[Waiting]:
        """Those whose time has come, in order; none overtakes an earlier one of its incident."""
        query = sa.text(
            "SELECT notification_id, alert_id, incident_id, channel, action, document, attempts"
            " FROM notifications n WHERE status = 'waiting' AND due_at <= :now"
            " AND NOT EXISTS (SELECT 1 FROM notifications e WHERE e.status = 'waiting'"
            " AND e.channel = n.channel AND e.incident_id = n.incident_id"
            " AND e.sequence < n.sequence) ORDER BY sequence LIMIT :count"
        )
        values = {"now": now_at, "count": NOTIFICATIONS_AT_ONCE}
        return [Waiting(*row) for row in self.connection.execute(query, values)]

    def mark_sent(self, waiting: Waiting, at: datetime) -> None:
        """The channel took it."""
        self.connection.execute(
            sa.text(
                "UPDATE notifications SET status = 'sent', sent_at = :at, last_error = NULL,"
                " attempts = attempts + 1 WHERE notification_id = :id"
            ),
            {"at": at, "id": waiting.notification_id},
        )
        self.connection.execute(
            sa.text(
                "UPDATE alerts SET delivered_at = :at WHERE alert_id = :id AND delivered_at IS NULL"
            ),
            {"at": at, "id": waiting.alert_id},
        )

    def mark_refused(
        self, notification_id: str, error: str, due_at: datetime | None, status: str = WAITING
    ) -> None:
        """It was not taken; it is due again at `due_at`, or has another status for good."""
        self.connection.execute(
            sa.text(
                "UPDATE notifications SET attempts = attempts + 1, last_error = :error,"
                " due_at = coalesce(:due_at, due_at), status = :status WHERE notification_id = :id"
            ),
            {"error": error, "due_at": due_at, "status": status, "id": notification_id},
        )

    def notifications_of(self, incident_id: str) -> list[dict[str, Any]]:
        """What was sent of one incident, oldest first, without the documents."""
        query = sa.text(
            "SELECT notification_id, alert_id, channel, action, status, attempts, created_at,"
            " sent_at, last_error FROM notifications WHERE incident_id = :id ORDER BY sequence"
        )
        rows = self.connection.execute(query, {"id": incident_id})
        return [dict(row) for row in rows.mappings()]

    def silences(self, now_at: datetime) -> list[dict[str, Any]]:
        """Silences that have not ended."""
        query = sa.text("SELECT * FROM silences WHERE ends_at > :now ORDER BY ends_at, silence_id")
        rows = self.connection.execute(query, {"now": now_at})
        return [dict(row) for row in rows.mappings()]

    def add_silence(self, silence: Mapping[str, Any]) -> None:
        """With the fields of the table."""
        self._many(
            "INSERT INTO silences (silence_id, match, starts_at, ends_at, author, comment) VALUES"
            " (:silence_id, CAST(:match AS jsonb), :starts_at, :ends_at, :author, :comment)",
            [{**silence, "match": _json(silence["match"])}],
        )

    def end_silence(self, silence_id: str, at: datetime) -> bool:
        """End it now; False where none of that id is in force."""
        statement = sa.text(
            "UPDATE silences SET ends_at = greatest(:at, starts_at)"
            " WHERE silence_id = :id AND ends_at > :at"
        )
        values = {"id": silence_id, "at": at}
        return self.connection.execute(statement, values).rowcount == 1

    def acknowledge(self, incident_id: str, author: str, at: datetime) -> None:
        """The last one to say so has it."""
        self._many(
            "INSERT INTO acknowledgements (incident_id, author, at) VALUES (:id, :author, :at)"
            " ON CONFLICT (incident_id) DO UPDATE SET author = excluded.author, at = excluded.at",
            [{"id": incident_id, "author": author, "at": at}],
        )

    def acknowledgements(self, incident_ids: Iterable[str]) -> dict[str, tuple[str, datetime]]:
        """Incident → who and when."""
        query = sa.text(
            "SELECT incident_id, author, at FROM acknowledgements WHERE incident_id = ANY(:ids)"
        )
        rows = self.connection.execute(query, {"ids": list(incident_ids)})
        return {row.incident_id: (row.author, row.at) for row in rows}

    def incidents(
        self, since_at: datetime, limit: int, only_open: bool = False
    ) -> list[dict[str, Any]]:
        """Incidents that people were told of, or were to be, the newest first."""
        extra = "AND status = 'open'" if only_open else "AND status NOT IN ('pending', 'dismissed')"
        query = sa.text(
            f"SELECT {WHOLE} FROM incidents WHERE (opened_at >= :since OR status = 'open') {extra}"
            " ORDER BY opened_at DESC, incident_id LIMIT :limit"
        )
        values = {"since": since_at, "limit": limit}
        return list(self.connection.execute(query, values).scalars())

    def incident(self, incident_id: str) -> dict[str, Any] | None:
        """One incident's last document."""
        query = sa.text(f"SELECT {WHOLE} FROM incidents WHERE incident_id = :id")
        found: dict[str, Any] | None = self.connection.execute(query, {"id": incident_id}).scalar()
        return found

    def open_incident(self, stream: str, origin: str) -> dict[str, Any] | None:
        """The open incident of one stream and origin."""
        query = sa.text(
            "SELECT document FROM incidents WHERE status = 'open'"
            " AND document->>'stream' = :stream AND document->>'origin' = :origin LIMIT 1"
        )
        values = {"stream": stream, "origin": origin}
        found: dict[str, Any] | None = self.connection.execute(query, values).scalar()
        return found

    def incident_ids_like(self, text: str) -> list[str]:
        """Ids that begin with, or contain, the text."""
        query = sa.text(
            "SELECT incident_id FROM incidents WHERE incident_id LIKE '%' || :text || '%'"
            " ORDER BY opened_at DESC LIMIT 5"
        )
        return list(self.connection.execute(query, {"text": text}).scalars())

    def similar(self, document: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
        """Earlier incidents of the same origin or cause that are over, those of the same metric
        first; each with its last `label`: verdict and note of an operator, or None.
        """
        query = sa.text(
            f"SELECT {WHOLE} || jsonb_build_object('label', {_LABEL}) FROM incidents"
            " WHERE (document->>'origin' = :origin"
            " OR localisation->'causes'->0->>'service' = :cause)"
            " AND status IN ('resolved', 'withdrawn') AND incident_id <> :id"
            " AND opened_at < :opened_at"
            " ORDER BY document->'series'->0->>'metric' IS NOT DISTINCT FROM :metric DESC,"
            " opened_at DESC LIMIT :limit"
        )
        series = document.get("series") or [{}]
        causes = document.get("causes") or [{}]
        values = {
            "origin": document.get("origin"),
            "cause": causes[0].get("service", document.get("origin")),
            "id": document["incident_id"],
            "opened_at": datetime.fromisoformat(document["opened_at"]),
            "metric": series[0].get("metric"),
            "limit": limit,
        }
        return list(self.connection.execute(query, values).scalars())

    def forget(self, kept: timedelta) -> None:
        """Drop notifications, log and ended cases that are older than that."""
        before = datetime.now(UTC) - kept
        for statement in (
            "DELETE FROM notifications WHERE status <> 'waiting' AND created_at < :before",
            "DELETE FROM dispatch_log WHERE at < :before",
            "DELETE FROM silences WHERE ends_at < :before",
        ):
            self.connection.execute(sa.text(statement), {"before": before})

    def _many(self, statement: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(sa.text(statement), rows)


def _json(document: Any) -> str:
    return orjson.dumps(document).decode()
