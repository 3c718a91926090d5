"""Rate limits: what is above comes as one digest instead of many pages."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from vigil.alerts.cases import Message
from vigil.alerts.policy.schema import Limit, Policy
from vigil.wording import counted


class Limiter:
    """Counts pages a channel; JSON-ready state."""

    def __init__(self, policy: Policy) -> None:
        self._limits: dict[str, Limit] = {limit.receiver: limit for limit in policy.limits}
        self._sent: dict[str, list[datetime]] = {}
        # Channel → when its digest is due, and the items that wait for it.
        self._due: dict[str, datetime] = {}
        self._items: dict[str, list[dict[str, Any]]] = {}

    def take(self, message: Message, document: Mapping[str, Any], now_at: datetime) -> str | None:
        """None where the page may go out now, else why it waits for the digest."""
        limit = self._limits.get(message.channel)
        if limit is None or document["severity"] in limit.exempt:
            return None
        recent = [
            at
            for at in self._sent.get(message.channel, ())
            if now_at - at < timedelta(seconds=limit.per_s)
        ]
        self._sent[message.channel] = recent
        if len(recent) < limit.pages and message.channel not in self._due:
            recent.append(now_at)
            return None
        self._due.setdefault(message.channel, now_at + timedelta(seconds=limit.digest_s))
        kept = ("incident_id", "title", "severity", "origin", "opened_at", "at")
        self._items.setdefault(message.channel, []).append({name: document[name] for name in kept})
        return (
            f"more than {counted(limit.pages, 'page')} in {limit.per_s:g} s, it comes in a digest"
        )

    @property
    def waiting(self) -> bool:
        """True while a digest waits for its time."""
        return bool(self._due)

    def waits(self, channel: str, incident_id: str) -> bool:
        """True where the incident's page waits for the channel's digest."""
        return any(item["incident_id"] == incident_id for item in self._items.get(channel, ()))

    def drop(self, channel: str, incident_id: str) -> bool:
        """Take an incident that has ended out of the digest; False where it was not in it."""
        items = self._items.get(channel, [])
        kept = [item for item in items if item["incident_id"] != incident_id]
        if len(kept) == len(items):
            return False
        self._items[channel] = kept
        return True

    def due(self, now_at: datetime) -> list[Message]:
        """Digests whose time has come."""
        messages = []
        for channel in [name for name, at in self._due.items() if at <= now_at]:
            due_at = self._due.pop(channel)
            items = self._items.pop(channel, [])
            if items:
                messages.append(_digest(channel, due_at, items))
                self._sent.setdefault(channel, []).append(now_at)
        return messages

    def state(self) -> dict[str, Any]:
        """For the database."""
        return {"sent": self._sent, "due": self._due, "items": self._items}

    def restore(self, state: Mapping[str, Any]) -> None:
        """After a trip through JSON."""
        self._sent = {
            name: [datetime.fromisoformat(at) for at in times]
            for name, times in state["sent"].items()
        }
        self._due = {name: datetime.fromisoformat(at) for name, at in state["due"].items()}
        self._items = {name: list(items) for name, items in state["items"].items()}


def _digest(channel: str, due_at: datetime, items: list[dict[str, Any]]) -> Message:
    order = ("critical", "error", "warning", "info")
    items = sorted(items, key=lambda item: order.index(item["severity"]))
    number = f"digest-{channel}-{due_at:%Y%m%dT%H%M%S}"
    plural = "incident" if len(items) == 1 else "incidents"
    document = {
        "alert_id": number,
        "incident_id": number,
        "action": "digest",
        "status": "open",
        "severity": items[0]["severity"],
        "title": f"{len(items)} more {plural}",
        "at": due_at.isoformat(),
        "opened_at": min(item["opened_at"] for item in items),
        "items": items,
    }
    return Message(f"{number}/{channel}", channel, document)
