"""PagerDuty, Events API v2: trigger and resolve under the incident's id as `dedup_key`.

Source: https://developer.pagerduty.com/docs/send-alert-event
"""

from typing import Any

import httpx
from pydantic import Field, SecretStr

from vigil.alerts.card import make_card
from vigil.alerts.channels.base import Channel, ChannelSettings, Http, Kind, Note

API = "https://events.pagerduty.com/v2/enqueue"
SUMMARY, KEY = 1024, 255


class PagerDutySettings(ChannelSettings):
    """`routing_key` of the service's integration, 32 characters."""

    routing_key: SecretStr = Field(min_length=32, max_length=32)
    api: str = API


class PagerDuty:
    """Sends events to one service."""

    def __init__(
        self, settings: PagerDutySettings, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._http = Http("PagerDuty", transport)

    def send(self, note: Note) -> None:
        """Raises ChannelError."""
        key = self._settings.routing_key.get_secret_value()
        self._http.post(self._settings.api, pagerduty_event(note, key))


def pagerduty_event(note: Note, routing_key: str) -> dict[str, Any]:
    """A repeated event with the same key changes nothing: at least once is enough."""
    card = make_card(note.document)
    event = {
        "routing_key": routing_key,
        "event_action": "resolve" if card.resolving else "trigger",
        "dedup_key": card.incident_id[:KEY],
    }
    if card.resolving:
        return event
    document = note.document
    return event | {
        "payload": {
            "summary": card.headline[:SUMMARY],
            "source": document.get("origin") or "vigil",
            "severity": card.severity,
            "timestamp": document["at"],
            "component": document.get("origin") or "vigil",
            "group": ", ".join(document.get("environments", ())) or "vigil",
            "class": document["action"],
            "custom_details": {
                **dict(card.facts),
                **{title.lower(): list(items) for title, items in card.lists},
                "recent": card.sparkline,
                "commands": list(card.commands),
            },
        },
        "links": [{"href": url, "text": name} for name, url in card.links],
        "client": "Vigil",
    }


def _open(settings: PagerDutySettings) -> Channel:
    return PagerDuty(settings)


PAGERDUTY = Kind(PagerDutySettings, _open)
