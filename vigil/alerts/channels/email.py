"""E-mail: HTML with an inline plot, and the same as text, by SMTP.

An incident is one conversation: `References` points to its first message. `Message-ID` is the
notification's id, so that a repetition is recognised.
"""

import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jinja2
from pydantic import SecretStr, field_validator

from vigil.alerts.card import Card, make_card, plain_text
from vigil.alerts.channels.base import (
    TIMEOUT_S,
    Channel,
    ChannelError,
    ChannelSettings,
    Kind,
    Note,
)
from vigil.alerts.plot import alert_plot

PLOT_ID = "plot@vigil"
SUBJECT = 200
_COLOURS = {"critical": "#b3261e", "error": "#c2410c", "warning": "#8a6100", "info": "#1f5a94"}
_RESOLVED = "#2e7d32"
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class EmailSettings(ChannelSettings):
    """`url` is smtp://, smtp+starttls:// or smtps://, with user and password where needed."""

    url: SecretStr
    sender: str
    to: list[str]

    @field_validator("url")
    @classmethod
    def _known(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"must start with {'://, '.join(_PORTS)}:// and name a host")
        return value


class Email:
    """Sends to one list of addresses, with a connection for each message."""

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings

    def send(self, note: Note) -> None:
        """Raises ChannelError."""
        message = email_message(note, self._settings.sender, self._settings.to)
        try:
            with self._connect() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise ChannelError(
                f"the mail server refused every address ({codes[0]})",
                passing=all(_passes(code) for code in codes),
            ) from error
        except smtplib.SMTPResponseException as error:
            raise ChannelError(
                f"the mail server answered {error.smtp_code}", passing=_passes(error.smtp_code)
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelError(
                f"the mail server cannot be reached: {type(error).__name__}"
            ) from error

    def _connect(self) -> smtplib.SMTP:
        parts = urlsplit(self._settings.url.get_secret_value())
        assert parts.hostname is not None
        port = parts.port or _PORTS[parts.scheme]
        secure = ssl.create_default_context()
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                parts.hostname, port, timeout=TIMEOUT_S, context=secure
            )
        else:
            server = smtplib.SMTP(parts.hostname, port, timeout=TIMEOUT_S)
            if parts.scheme == "smtp+starttls":
                server.starttls(context=secure)
        if parts.username and parts.password:
            server.login(unquote(parts.username), unquote(parts.password))
        return server


def _passes(code: int) -> bool:
    """4xx replies are temporary (RFC 5321, section 4.2.1)."""
    return 400 <= code < 500


def email_message(note: Note, sender: str, to: list[str]) -> EmailMessage:
    """multipart/alternative: text, and HTML with its plot."""
    card = make_card(note.document)
    message = EmailMessage()
    message["Subject"] = card.headline[:SUBJECT]
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = format_datetime(datetime.fromisoformat(note.document["at"]))
    message["Message-ID"] = f"<{_local(note.notification_id)}@vigil>"
    message["References"] = f"<{_local(card.incident_id)}@vigil>"
    message["X-Vigil-Incident"] = card.incident_id
    message.set_content(plain_text(card))
    plot = alert_plot(note.document)
    message.add_alternative(html(card, with_plot=plot is not None), subtype="html")
    if plot is not None:
        part = message.get_payload()[1]  # type: ignore[index]
        part.add_related(plot, "image", "png", cid=f"<{PLOT_ID}>")  # type: ignore[union-attr]
    return message


def _local(name: str) -> str:
    """The name as the left side of a message id."""
    return "".join(letter if letter.isalnum() or letter in ".-_" else "." for letter in name)


def html(card: Card, with_plot: bool, plot_url: str = f"cid:{PLOT_ID}") -> str:
    """The page; styles are inline, since mail readers drop others."""
    colour = _RESOLVED if card.resolving else _COLOURS[card.severity]
    return _template().render(card=card, colour=colour, plot=plot_url if with_plot else "")


def _template() -> jinja2.Template:
    folder = Path(__file__).parent
    loader = jinja2.FileSystemLoader(folder)
    return jinja2.Environment(loader=loader, autoescape=True).get_template("email.html.jinja")


def _open(settings: EmailSettings) -> Channel:
    return Email(settings)


EMAIL = Kind(EmailSettings, _open)
