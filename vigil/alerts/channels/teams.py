"""Microsoft Teams, by an Adaptive Card 1.5 to a Workflows webhook.

Source: https://adaptivecards.io/schemas/adaptive-card.json; a message is an activity with the card
as its attachment, at most 28 KB.
"""

from typing import Any

import httpx
import orjson

from vigil.alerts.card import Card, make_card
from vigil.alerts.channels.base import Channel, ChannelSettings, Http, Kind, Note

CONTENT_TYPE = "application/vnd.microsoft.card.adaptive"
MOST_BYTES = 28_000
_STYLES = {
    "critical": "attention", "error": "attention", "warning": "warning", "info": "accent",
}  # fmt: skip


class TeamsSettings(ChannelSettings):
    """`url` of the workflow "Post to a channel when a webhook request is received"."""

    url: str


class Teams:
    """Posts to one channel."""

    def __init__(
        self, settings: TeamsSettings, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._http = Http("Teams", transport)

    def send(self, note: Note) -> None:
        """Raises ChannelError."""
        card = make_card(note.document)
        headers = {"Idempotency-Key": note.notification_id}
        self._http.post(self._settings.url, teams_message(card), headers)


def teams_message(card: Card) -> dict[str, Any]:
    """The activity; lists are left out from the end where it would be too long."""
    lists = card.lists
    while True:
        message = _activity(card, lists)
        if len(orjson.dumps(message)) <= MOST_BYTES or not lists:
            return message
        lists.pop()


def _activity(card: Card, lists: list[Any]) -> dict[str, Any]:
    style = "good" if card.resolving else _STYLES[card.severity]
    body: list[dict[str, Any]] = [
        {
            "type": "Container",
            "style": style,
            "bleed": True,
            "items": [_text(card.headline, size="medium", weight="bolder")],
        },
        {
            "type": "FactSet",
            "facts": [{"title": name, "value": value} for name, value in card.facts],
        },
    ]
    for title, items in lists:
        body.append(_text(title, weight="bolder", spacing="medium"))
        body += [_text(f"- {item}", spacing="none") for item in items]
    if card.sparkline:
        body.append(_text(card.sparkline, fontType="monospace"))
    if card.commands:
        body.append(_text("  \n".join(card.commands), fontType="monospace", isSubtle=True))
    content: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "fallbackText": card.headline,
        "body": body,
        "actions": [
            {"type": "Action.OpenUrl", "title": name, "url": url} for name, url in card.links
        ],
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": CONTENT_TYPE, "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _text(text: str, **options: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True, **options}


def _open(settings: TeamsSettings) -> Channel:
    return Teams(settings)


TEAMS = Kind(TeamsSettings, _open)
