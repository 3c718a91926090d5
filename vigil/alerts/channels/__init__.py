"""Channels by kind: how an alert reaches people and other systems."""

from collections.abc import Mapping

from vigil.alerts.channels.alertmanager import ALERTMANAGER
from vigil.alerts.channels.apprise import APPRISE
from vigil.alerts.channels.base import Channel, ChannelError, Kind, Note
from vigil.alerts.channels.email import EMAIL
from vigil.alerts.channels.opsgenie import OPSGENIE
from vigil.alerts.channels.pagerduty import PAGERDUTY
from vigil.alerts.channels.slack import SLACK
from vigil.alerts.channels.teams import TEAMS
from vigil.alerts.channels.terminal import TERMINAL
from vigil.alerts.channels.webhook import WEBHOOK

KINDS: Mapping[str, Kind] = {
    "terminal": TERMINAL,
    "webhook": WEBHOOK,
    "slack": SLACK,
    "teams": TEAMS,
    "email": EMAIL,
    "pagerduty": PAGERDUTY,
    "opsgenie": OPSGENIE,
    "alertmanager": ALERTMANAGER,
    "apprise": APPRISE,
}

__all__ = ["KINDS", "Channel", "ChannelError", "Kind", "Note"]
