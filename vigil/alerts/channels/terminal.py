"""The terminal: alerts as text, on standard output or in the log."""

from collections.abc import Callable

import click

from vigil.alerts.card import make_card, plain_text
from vigil.alerts.channels.base import Channel, ChannelSettings, Kind, Note


class TerminalSettings(ChannelSettings):
    """There is nothing to set."""


class Terminal:
    """Shows each note once it is committed."""

    def __init__(self, show: Callable[[str], None] = click.echo) -> None:
        self._show = show

    def send(self, note: Note) -> None:
        """Never refuses."""
        self._show(plain_text(make_card(note.document)))


def _open(settings: TerminalSettings) -> Channel:
    return Terminal()


TERMINAL = Kind(TerminalSettings, _open)
