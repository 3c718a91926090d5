"""Everything else that Apprise knows: ntfy, Matrix, Telegram, SMS and a hundred more, by URL."""

from typing import Any

from pydantic import SecretStr, field_validator

from vigil.alerts.card import make_card, plain_text
from vigil.alerts.channels.base import Channel, ChannelError, ChannelSettings, Kind, Note

_TYPES = {"critical": "failure", "error": "failure", "warning": "warning", "info": "info"}


class AppriseSettings(ChannelSettings):
    """`url` as https://github.com/caronc/apprise lists them."""

    url: SecretStr

    @field_validator("url")
    @classmethod
    def _known(cls, value: SecretStr) -> SecretStr:
        if not _service(value):
            raise ValueError("must be an address that Apprise knows")
        return value


class AppriseChannel:
    """Sends through one Apprise service."""

    def __init__(self, settings: AppriseSettings) -> None:
        self._service = _service(settings.url)

    def send(self, note: Note) -> None:
        """Raises ChannelError; Apprise does not say why it failed."""
        card = make_card(note.document)
        kind = "success" if card.resolving else _TYPES[card.severity]
        if not self._service.notify(body=plain_text(card), title=card.headline, notify_type=kind):
            raise ChannelError("the service behind Apprise did not take it")


def _service(url: SecretStr) -> Any:
    # Imported on use: it loads all of its services.
    import apprise

    return apprise.Apprise.instantiate(url.get_secret_value(), suppress_exceptions=True)


def _open(settings: AppriseSettings) -> Channel:
    return AppriseChannel(settings)


APPRISE = Kind(AppriseSettings, _open)
