"""Slack, by Block Kit: an incoming webhook, or a bot with a token.

Limits: 50 blocks, 150 characters a header, 3,000 a section, 2,000 a field, 10 fields.
Source: https://docs.slack.dev/reference/block-kit/blocks
"""

from typing import Any

import httpx
from pydantic import SecretStr, model_validator

from vigil.alerts.card import Card, make_card
from vigil.alerts.channels.base import Channel, ChannelError, ChannelSettings, Http, Kind, Note

HEADER, SECTION, FIELD, FIELDS, BUTTON = 150, 3_000, 2_000, 10, 75
API = "https://slack.com/api/chat.postMessage"

_COLOURS = {"critical": "#b3261e", "error": "#d9480f", "warning": "#e0a800", "info": "#2f6fb0"}
_RESOLVED = "#2e7d32"
# Answers of the Web API that will be the same tomorrow.
_LASTING = frozenset({"channel_not_found", "invalid_auth", "not_in_channel", "invalid_blocks",
                      "account_inactive", "token_revoked", "is_archived"})  # fmt: skip


class SlackSettings(ChannelSettings):
    """`url` of an incoming webhook, or `token` and `channel` of a bot."""

    url: str = ""
    token: SecretStr = SecretStr("")
    channel: str = ""
    api: str = API

    @model_validator(mode="after")
    def _one_way(self) -> "SlackSettings":
        if bool(self.url) == bool(self.token.get_secret_value()):
            raise ValueError("must have either a url or a token with a channel")
        if not self.url and not self.channel:
            raise ValueError("channel must be given with a token")
        return self


class Slack:
    """Posts to one conversation."""

    def __init__(
        self, settings: SlackSettings, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._http = Http("Slack", transport)

    def send(self, note: Note) -> None:
        """Raises ChannelError."""
        message = slack_message(make_card(note.document))
        token = self._settings.token.get_secret_value()
        if not token:
            self._http.post(self._settings.url, message)
            return
        # A reader of the conversation can tell a repetition by its id.
        body = {
            "channel": self._settings.channel,
            "metadata": {
                "event_type": "vigil_alert",
                "event_payload": {"notification_id": note.notification_id},
            },
            **message,
        }
        answer = self._http.post(self._settings.api, body, {"Authorization": f"Bearer {token}"})
        said = answer.json()
        if not said.get("ok"):
            reason = said.get("error", "no reason")
            raise ChannelError(f"Slack refused: {reason}", passing=reason not in _LASTING)


def slack_message(card: Card) -> dict[str, Any]:
    """`text` for notifications; blocks inside of an attachment, for the colour of its edge."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(card.headline, HEADER)},
        {
            "type": "section",
            "fields": [
                _markdown(f"*{_escape(name)}*\n{_escape(value)}", FIELD)
                for name, value in card.facts[:FIELDS]
            ],
        },
    ]
    for title, items in card.lists:
        lines = "\n".join(f"• {_escape(item)}" for item in items)
        listed = _markdown(f"*{title}*\n{lines}", SECTION)
        blocks.append({"type": "section", "text": listed})
    if card.sparkline:
        blocks.append({"type": "context", "elements": [_markdown(f"`{card.sparkline}`", FIELD)]})
    if card.links:
        buttons = [
            {"type": "button", "text": _plain(name, BUTTON), "url": url, "action_id": f"link-{n}"}
            for n, (name, url) in enumerate(card.links)
        ]
        blocks.append({"type": "actions", "elements": buttons})
    if card.commands:
        text = "```" + "\n".join(card.commands) + "```"
        blocks.append({"type": "section", "text": _markdown(text, SECTION)})
    colour = _RESOLVED if card.resolving else _COLOURS[card.severity]
    return {"text": card.headline, "attachments": [{"color": colour, "blocks": blocks}]}


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _cut(text, limit), "emoji": False}


def _markdown(text: str, limit: int) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": _cut(text, limit)}


def _escape(text: str) -> str:
    """Slack's three control characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _open(settings: SlackSettings) -> Channel:
    return Slack(settings)


SLACK = Kind(SlackSettings, _open)
