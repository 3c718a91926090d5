"""Prometheus Alertmanager: Vigil's incidents as alerts, by API v2.

Source: https://github.com/prometheus/alertmanager, api/v2/openapi.yaml. An alert is known by its
labels, so they hold nothing that changes while it is open.
"""

from datetime import datetime, timedelta
from typing import Any

import httpx
from pydantic import Field, SecretStr

from vigil.alerts.card import Card, make_card
from vigil.alerts.channels.base import Channel, ChannelSettings, Http, Kind, Note

# Alertmanager forgets an alert that nobody repeats; incidents end by their own resolve.
LASTS = timedelta(days=1)


class AlertmanagerSettings(ChannelSettings):
    """`url` up to where /api/v2 begins; `token` where a proxy asks for one."""

    url: str
    token: SecretStr = SecretStr("")
    labels: dict[str, str] = Field(default_factory=dict)


class Alertmanager:
    """Posts alerts to one Alertmanager."""

    def __init__(
        self, settings: AlertmanagerSettings, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._http = Http("Alertmanager", transport)

    def send(self, note: Note) -> None:
        """Raises ChannelError."""
        token = self._settings.token.get_secret_value()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        alerts = [alertmanager_alert(note, self._settings.labels)]
        self._http.post(f"{self._settings.url.rstrip('/')}/api/v2/alerts", alerts, headers)


def alertmanager_alert(note: Note, labels: dict[str, str]) -> dict[str, Any]:
    """One postableAlert."""
    document = note.document
    card = make_card(document)
    ends_at = document.get("resolved_at") if card.resolving else None
    if ends_at is None:
        ends_at = (datetime.fromisoformat(document["at"]) + LASTS).isoformat()
    link = {"generatorURL": card.links[0][1]} if card.links else {}
    return {
        "labels": {
            "alertname": "VigilIncident",
            "incident": card.incident_id,
            **labels,
        },
        "annotations": _annotations(card),
        "startsAt": document["opened_at"],
        "endsAt": ends_at,
        **link,
    }


def _annotations(card: Card) -> dict[str, str]:
    texts = dict(card.facts) | {title: "; ".join(items) for title, items in card.lists}
    named = {name.lower().replace(" ", "_"): text for name, text in texts.items() if text}
    return {"summary": card.headline, "severity": card.severity, **named}


def _open(settings: AlertmanagerSettings) -> Channel:
    return Alertmanager(settings)


ALERTMANAGER = Kind(AlertmanagerSettings, _open)
