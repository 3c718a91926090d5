"""The operator's verbs: look, acknowledge, silence. The scorer acts on them within a second."""

import getpass
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from vigil.alerts.card import make_card, plain_text
from vigil.alerts.policy import Policy
from vigil.alerts.policy.match import matcher_words, matches
from vigil.errors import UsageError
from vigil.stores.alerting import AlertStore
from vigil.stores.timescale import newest_window_end


class Operator:
    """Reads and writes what the dispatcher shares with people."""

    def __init__(self, engine: sa.Engine, policy: Policy) -> None:
        self._engine = engine
        self._policy = policy

    def incidents(self, last: timedelta, limit: int, only_open: bool) -> list[dict[str, Any]]:
        """Documents with `owner` and `told`: the channels, or why nobody was.

        `last` counts back from the newest window: a replay of the past has a last week too.
        """
        with self._engine.connect() as connection:
            store = AlertStore(connection)
            newest_at = newest_window_end(connection) or datetime.now(UTC)
            found = store.incidents(newest_at - last, limit, only_open)
            return [
                {
                    **document,
                    "owner": self._policy.owner_of(document["origin"]),
                    "told": _told(store, document["incident_id"]),
                }
                for document in found
            ]

    def story(self, incident: str) -> dict[str, Any]:
        """The incident's document, its text, all decisions and messages; raises UsageError."""
        with self._engine.connect() as connection:
            store = AlertStore(connection)
            number = self._one(store, incident)
            document = store.incident(number)
            assert document is not None
            shown = {**document, "owner": self._policy.owner_of(document["origin"])}
            # Pending and dismissed incidents have no message of their own.
            known = {"noticed": "opened", "dismissed": "resolved"}
            action = known.get(document["action"], document["action"])
            return {
                "incident": shown,
                "text": plain_text(make_card({**shown, "action": action})),
                "log": store.log_of(number),
                "notifications": store.notifications_of(number),
            }

    def acknowledge(self, incident: str, author: str) -> str:
        """Take care of an incident; returns its id. Raises UsageError where it is over."""
        with self._engine.begin() as connection:
            store = AlertStore(connection)
            number = self._one(store, incident)
            document = store.incident(number)
            assert document is not None
            if document["status"] != "open":
                raise UsageError(f"incident {number} is {document['status']}, not open")
            store.acknowledge(number, author, datetime.now(UTC))
        return number

    def silence(
        self, match: Mapping[str, Sequence[str]], ends_at: datetime, author: str, comment: str
    ) -> dict[str, Any]:
        """A new silence, with the open incidents that it is about."""
        now_at = datetime.now(UTC)
        silence = {
            "silence_id": f"sil-{uuid.uuid4().hex[:8]}",
            "match": {name: list(values) for name, values in match.items()},
            "starts_at": now_at,
            "ends_at": ends_at,
            "author": author,
            "comment": comment,
        }
        with self._engine.begin() as connection:
            store = AlertStore(connection)
            store.add_silence(silence)
            about = [
                document["incident_id"]
                for document in store.incidents(now_at, 1_000, only_open=True)
                if matches(match, {**document, "owner": self._policy.owner_of(document["origin"])})
            ]
        return {**silence, "words": matcher_words(match), "about": about}

    def silences(self) -> list[dict[str, Any]]:
        """Those in force."""
        with self._engine.connect() as connection:
            found = AlertStore(connection).silences(datetime.now(UTC))
        return [{**silence, "words": matcher_words(silence["match"])} for silence in found]

    def end_silence(self, silence_id: str) -> None:
        """Raises UsageError where it is not in force."""
        with self._engine.begin() as connection:
            if not AlertStore(connection).end_silence(silence_id, datetime.now(UTC)):
                raise UsageError(
                    f"no silence {silence_id!r} is in force; `vigil silence` lists them"
                )

    def _one(self, store: AlertStore, incident: str) -> str:
        found = store.incident_ids_like(incident)
        if incident in found:
            return incident
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{incident!r} fits several incidents: {', '.join(found)}")
        raise UsageError(f"there is no incident {incident!r}; `vigil incidents` lists them")


def _told(store: AlertStore, incident_id: str) -> str:
    """In a few words."""
    sent = store.notifications_of(incident_id)
    if sent:
        channels = dict.fromkeys(item["channel"] for item in sent if item["status"] == "sent")
        return ", ".join(channels) or f"{sent[-1]['channel']}: {sent[-1]['status']}"
    log = store.log_of(incident_id)
    return log[-1]["words"] if log else "nobody yet"


def who() -> str:
    """The person who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
