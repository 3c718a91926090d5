"""What all channels share: settings, errors that say whether to try again, and HTTP."""

import email.utils
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx
import orjson
from pydantic import BaseModel, ConfigDict

from vigil.errors import VigilError

TIMEOUT_S = 10.0
TOO_MANY = 429
# These may pass: the server is busy, restarts, or asks for patience.
PASSING = frozenset({408, 409, 425, TOO_MANY, 500, 502, 503, 504})


class ChannelError(VigilError):
    """A message was not taken. `passing`: the same message may be taken later."""

    def __init__(self, text: str, passing: bool = True, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.passing = passing
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Note:
    """One message to one channel. `notification_id` is the same at every attempt."""

    notification_id: str
    document: Mapping[str, Any]


class Channel(Protocol):
    """Sends notes; safe to be asked twice for the same one."""

    def send(self, note: Note) -> None:
        """Raises ChannelError when it is not taken."""
        ...


class ChannelSettings(BaseModel):
    """Settings of a channel; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of channel: its settings, and what makes one of them."""

    settings: type[ChannelSettings]
    open: Callable[[Any], Channel]


class Http:
    """Posts JSON and turns refusals into ChannelError, without secrets: addresses hold them."""

    def __init__(self, name: str, transport: httpx.BaseTransport | None = None) -> None:
        self._name = name
        self._client = httpx.Client(timeout=TIMEOUT_S, transport=transport)

    def post(
        self,
        url: str,
        body: Any,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> httpx.Response:
        """Send `body` (bytes as they are, anything else as JSON)."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"Content-Type": "application/json", **(headers or {})}
        try:
            response = self._client.request(method, url, content=content, headers=sent)
        except httpx.HTTPError as error:
            raise ChannelError(f"{self._name} cannot be reached: {type(error).__name__}") from error
        except (httpx.InvalidURL, ValueError) as error:
            raise ChannelError(f"{self._name} has no valid address", passing=False) from error
        if response.is_success:
            return response
        raise ChannelError(
            f"{self._name} answered {response.status_code}: {response.text[:200]}",
            passing=response.status_code in PASSING,
            retry_after_s=_retry_after_s(response),
        )


def _retry_after_s(response: httpx.Response) -> float:
    """Seconds that the server asks to wait, 0 if it does not say (RFC 9110, section 10.2.3)."""
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    parsed = email.utils.parsedate_to_datetime(text) if "," in text else None
    return max((parsed - datetime.now(UTC)).total_seconds(), 0.0) if parsed else 0.0
