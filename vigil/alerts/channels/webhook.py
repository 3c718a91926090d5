"""Any web address: the alert document, or a template of it, signed when there is a secret.

The signature is that of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over
`id.timestamp.body`, in base64, as `webhook-signature: v1,…`. `Idempotency-Key` stays the same over
all attempts.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import httpx
import jinja2
import orjson
from jinja2.sandbox import SandboxedEnvironment
from pydantic import Field, SecretStr, field_validator

from vigil.alerts.card import make_card, plain_text
from vigil.alerts.channels.base import Channel, ChannelError, ChannelSettings, Http, Kind, Note


class WebhookSettings(ChannelSettings):
    """`template` is Jinja with `alert` (the document) and `text`; without one, the document."""

    url: str
    secret: SecretStr = SecretStr("")
    template: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = Field(default_factory=dict)

    @field_validator("template")
    @classmethod
    def _parses(cls, value: str) -> str:
        try:
            SandboxedEnvironment().parse(value)
        except jinja2.TemplateSyntaxError as error:
            raise ValueError(f"must be a Jinja template, line {error.lineno}: {error}") from error
        return value


class Webhook:
    """Posts to one address."""

    def __init__(
        self,
        settings: WebhookSettings,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._http = Http("the webhook", transport)
        self._clock = clock
        environment = SandboxedEnvironment(undefined=jinja2.StrictUndefined)
        environment.filters["tojson"] = lambda value: orjson.dumps(value).decode()
        self._template = environment.from_string(settings.template) if settings.template else None

    def send(self, note: Note) -> None:
        """Raises ChannelError."""
        body = self._body(note)
        headers = {
            "Content-Type": self._settings.content_type,
            "Idempotency-Key": note.notification_id,
            **self._settings.headers,
        }
        secret = self._settings.secret.get_secret_value()
        if secret:
            headers |= sign(note.notification_id, int(self._clock()), body, secret)
        self._http.post(self._settings.url, body, headers)

    def _body(self, note: Note) -> bytes:
        if self._template is None:
            return orjson.dumps(note.document)
        values: dict[str, Any] = {
            "alert": note.document,
            "text": plain_text(make_card(note.document)),
        }
        try:
            return self._template.render(values).encode()
        except jinja2.TemplateError as error:
            raise ChannelError(f"the webhook's template failed: {error}", passing=False) from error


def sign(message_id: str, at_s: int, body: bytes, secret: str) -> dict[str, str]:
    """Headers by which the receiver knows that nobody else wrote or changed the body."""
    key = secret.removeprefix("whsec_")
    raw = base64.b64decode(key) if secret.startswith("whsec_") else key.encode()
    signed = f"{message_id}.{at_s}.".encode() + body
    digest = base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{digest}",
    }


def _open(settings: WebhookSettings) -> Channel:
    return Webhook(settings)


WEBHOOK = Kind(WebhookSettings, _open)
