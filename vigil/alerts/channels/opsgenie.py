"""Opsgenie, Alert API v2: created and closed under the incident's id as alias.

Source: https://docs.opsgenie.com/docs/alert-api; Jira Service Management keeps the same API.
"""

from typing import Any

import httpx
from pydantic import SecretStr

from vigil.alerts.card import Card, make_card, plain_text
from vigil.alerts.channels.base import Channel, ChannelSettings, Http, Kind, Note

API = "https://api.opsgenie.com"
MESSAGE, DESCRIPTION, ALIAS = 130, 15_000, 512
_PRIORITIES = {"critical": "P1", "error": "P2", "warning": "P3", "info": "P5"}


class OpsgenieSettings(ChannelSettings):
    """`api_key` of an API integration; `api` of the region, https://api.eu.opsgenie.com for one."""

    api_key: SecretStr
    api: str = API
    team: str = ""


class Opsgenie:
    """Creates, notes and closes alerts of one account."""

    def __init__(
        self, settings: OpsgenieSettings, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._http = Http("Opsgenie", transport)

    def send(self, note: Note) -> None:
        """Raises ChannelError."""
        card = make_card(note.document)
        headers = {"Authorization": f"GenieKey {self._settings.api_key.get_secret_value()}"}
        base, alias = f"{self._settings.api}/v2/alerts", card.incident_id[:ALIAS]
        if card.resolving:
            url = f"{base}/{alias}/close?identifierType=alias"
            self._http.post(url, {"source": "Vigil", "note": card.headline}, headers)
        elif note.document["action"] in ("updated", "corrected"):
            url = f"{base}/{alias}/notes?identifierType=alias"
            text = plain_text(card)[:DESCRIPTION]
            self._http.post(url, {"source": "Vigil", "note": text}, headers)
        else:
            self._http.post(base, opsgenie_alert(card, note, self._settings.team), headers)


def opsgenie_alert(card: Card, note: Note, team: str) -> dict[str, Any]:
    """Opsgenie counts a second creation under an open alias as a repetition of the first."""
    responders = {"responders": [{"name": team, "type": "team"}]} if team else {}
    return {
        "message": card.headline[:MESSAGE],
        "alias": card.incident_id[:ALIAS],
        "description": plain_text(card)[:DESCRIPTION],
        "tags": [card.severity, *note.document.get("environments", ())],
        "details": dict(card.facts),
        "entity": (note.document.get("origin") or "vigil")[:ALIAS],
        "source": "Vigil",
        "priority": _PRIORITIES[card.severity],
        **responders,
    }


def _open(settings: OpsgenieSettings) -> Channel:
    return Opsgenie(settings)


OPSGENIE = Kind(OpsgenieSettings, _open)
