"""Incidents about the watching itself: a blind spot, a stream that has fallen silent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class OwnIncident:
    """What is wrong with `origin` in Vigil's own `stream`; `prefix` begins the incident's id."""

    stream: str
    origin: str
    prefix: str
    severity: str
    title: str
    reason: str
    cause: str
    services: Sequence[str] = ()


def own_incident_document(
    incident: OwnIncident, at: datetime, before: Mapping[str, Any] | None, resolved: bool
) -> dict[str, Any]:
    """An alert document of the same shape as the tracker's; `before`: the open one, if there is."""
    number = before["incident_id"] if before else f"{incident.prefix}-{at:%Y%m%dT%H%M}"
    return {
        "alert_id": f"{number}:{2 if resolved else 1}",
        "incident_id": number,
        "action": "resolved" if resolved else "opened",
        "status": "resolved" if resolved else "open",
        "severity": incident.severity,
        "at": at.isoformat(),
        "opened_at": before["opened_at"] if before else at.isoformat(),
        "updated_at": at.isoformat(),
        "resolved_at": at.isoformat() if resolved else None,
        "stream": incident.stream,
        "title": incident.title,
        "reason": incident.reason,
        "origin": incident.origin,
        "services": list(incident.services),
        "cause": [incident.cause],
        "note": "",
        "reopenings": 0,
        "series": [],
        "series_count": 0,
        "trace_ids": [],
    }
