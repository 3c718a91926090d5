"""Outside evidence: alerts that an Alertmanager sends, shown beside Vigil's own findings.

Its webhook is the one of https://prometheus.io/docs/alerting/latest/configuration/#webhook_config,
version 4. An alert is kept once, by fingerprint and start; a repetition or its end updates it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson
import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from vigil.errors import InputError

# Where the labels of common exporters name a service.
SERVICE_LABELS = ("service", "service_name", "app", "application", "job")
BEFORE = timedelta(minutes=15)
SHOWN = 5
# Alertmanager's way of saying that an alert has not ended.
NO_END_YEAR = 1


class OutsideAlert(BaseModel):
    """One alert; fields that we do not use are let through."""

    model_config = ConfigDict(extra="ignore")

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    startsAt: AwareDatetime
    endsAt: AwareDatetime | None = None
    fingerprint: str = Field(min_length=1)


class Webhook(BaseModel):
    """One notification with the alerts of its group."""

    model_config = ConfigDict(extra="ignore")

    version: Literal["4"]
    alerts: list[OutsideAlert] = Field(max_length=10_000)


def parse_webhook(body: bytes) -> Webhook:
    """Raises InputError that names field, rule and value."""
    try:
        return Webhook.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise InputError(f"{where}: {first['msg']}, got {str(first['input'])[:100]!r}") from error


def keep(connection: sa.Connection, webhook: Webhook) -> int:
    """Insert or update its alerts; returns their number."""
    rows = [
        {
            "fingerprint": alert.fingerprint,
            "starts_at": alert.startsAt,
            "ends_at": _ended(alert),
            "labels": orjson.dumps(alert.labels).decode(),
            "annotations": orjson.dumps(alert.annotations).decode(),
        }
        for alert in webhook.alerts
    ]
    if rows:
        connection.execute(
            sa.text(
                "INSERT INTO outside_alerts (fingerprint, starts_at, ends_at, labels, annotations)"
                " VALUES (:fingerprint, :starts_at, :ends_at, CAST(:labels AS jsonb),"
                " CAST(:annotations AS jsonb)) ON CONFLICT (fingerprint, starts_at) DO UPDATE SET"
                " ends_at = excluded.ends_at, labels = excluded.labels,"
                " annotations = excluded.annotations"
            ),
            rows,
        )
    return len(rows)


def _ended(alert: OutsideAlert) -> datetime | None:
    if alert.status == "firing" or alert.endsAt is None or alert.endsAt.year == NO_END_YEAR:
        return None
    return alert.endsAt


def outside_words(connection: sa.Connection, document: Mapping[str, Any]) -> list[str]:
    """What others say about the services of an incident around its time."""
    query = sa.text(
        "SELECT labels, annotations, starts_at, ends_at FROM outside_alerts"
        " WHERE starts_at >= :since AND starts_at <= :until"
        " AND (ends_at IS NULL OR ends_at >= :since) ORDER BY starts_at"
    )
    opened_at = datetime.fromisoformat(document["opened_at"])
    values = {"since": opened_at - BEFORE, "until": datetime.fromisoformat(document["at"])}
    services = set(document.get("services", ()))
    return [
        _words(row.labels, row.annotations, row.starts_at, row.ends_at)
        for row in connection.execute(query, values)
        if services & set(_services(row.labels))
    ][:SHOWN]


def _services(labels: Mapping[str, str]) -> Sequence[str]:
    return [labels[name] for name in SERVICE_LABELS if name in labels]


def _words(
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    starts_at: datetime,
    ends_at: datetime | None,
) -> str:
    summary = annotations.get("summary") or annotations.get("description") or ""
    about = f": {summary}" if summary else ""
    until = f" until {ends_at:%H:%M:%S}" if ends_at else ""
    name = labels.get("alertname", "an alert")
    where = ", ".join(dict.fromkeys(_services(labels)))
    return f"Alertmanager: {name} of {where} since {starts_at:%H:%M:%S}{until} UTC{about}"
