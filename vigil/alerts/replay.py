"""The past through a policy: decisions in, the pages that people would have got out.

The same tracker and dispatcher as in the stream, with event time for a clock. Nothing is sent, and
nothing can be: no channel is opened.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from vigil.alerts.dispatcher import Decided, Dispatcher
from vigil.alerts.message import alert_document
from vigil.alerts.policy.schema import Policy
from vigil.events.schema import TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS
from vigil.features.observations import SCORED_METRICS
from vigil.incidents.grouping import TOLD, IncidentTracker
from vigil.logs.series import LINES, NEW_TEMPLATES

TOPICS = (TOPIC_EVENTS, TOPIC_METRICS, TOPIC_LOGS)
PAGES = frozenset({"opened", "reopened", "digest"})
# Small enough that few series are flagged within one, large enough to think in columns.
CHUNK = timedelta(minutes=30)
TICK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of an incident to one channel."""

    at: datetime
    channel: str
    action: str
    document: dict[str, Any]

    def row(self) -> dict[str, Any]:
        """For a table."""
        names = ("incident_id", "severity", "origin", "title")
        return {
            "at": f"{self.at:%Y-%m-%d %H:%M:%S}",
            "channel": self.channel,
            **{name: self.document.get(name, "") for name in names},
        }

    def same_as(self, other: "Page", within: timedelta) -> bool:
        """True where both are about the same trouble: same channel, incident or place and time."""
        if self.channel != other.channel:
            return False
        mine, theirs = self.document, other.document
        if mine["incident_id"] == theirs["incident_id"]:
            return self.action == other.action and abs(self.at - other.at) <= within
        shared = not set(mine.get("services", ())).isdisjoint(theirs.get("services", ()))
        return shared and abs(self.at - other.at) <= within


@dataclass(slots=True)
class Replayed:
    """All pages in order; the last words on each incident, what held it, and its document."""

    pages: list[Page] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)

    def why(self, page: Page) -> str:
        """What this replay made of the trouble behind another one's page."""
        number = page.document["incident_id"]
        if number in self.words:
            return self.words[number]
        services = set(page.document.get("services", ()))
        for document in self.documents.values():
            began = document["opened_at"] <= page.at.isoformat()
            over = document["resolved_at"] or page.at.isoformat()
            if began and page.at.isoformat() <= over and services & set(document["services"]):
                words = self.words.get(document["incident_id"], "")
                return f"it was part of {document['incident_id']}: {words}"
        return "there was no incident"


class Replay:
    """One stream under one policy; `calls` are (caller, callee) pairs of services."""

    def __init__(
        self, policy: Policy, stream: str, window_s: float, calls: Iterable[tuple[str, str]]
    ) -> None:
        self._window = timedelta(seconds=window_s)
        self._tracker = IncidentTracker(
            stream, policy.incidents.rules(), window_s, policy.exemption
        )
        self._tracker.learn_calls(calls)
        self._dispatcher = Dispatcher(policy)
        self._ticked_at: datetime | None = None
        self.result = Replayed()

    def feed(self, decisions: pl.DataFrame) -> None:
        """Decisions in event-time order, as `IncidentTracker.update` takes them."""
        for chunk in chunks(decisions):
            for action, incident in self._tracker.update(chunk):
                at = incident.updated_at + self._window
                self._pass_time(at)
                document = alert_document(action, incident, self._tracker.topology)
                self.result.documents[incident.incident_id] = document
                if action in TOLD:
                    self._note(self._dispatcher.take(document, at), at)
                else:
                    self.result.words[incident.incident_id] = "it did not last as long as asked"
            self._dispatcher.forget()
            self._pass_time(chunk["window_start"][-1] + self._window)
        self._tracker.take_joined()

    def _pass_time(self, until: datetime) -> None:
        """Minute by minute while something waits for time to pass."""
        at = self._ticked_at or until
        while at + TICK <= until and self._dispatcher.waits():
            at += TICK
            self._note(self._dispatcher.tick(at), at)
        self._ticked_at = max(at, until)

    def _note(self, decided: Decided, at: datetime) -> None:
        for entry in decided.log:
            self.result.words[entry.incident_id] = entry.words
            if entry.kind == "held":
                self.result.held[entry.incident_id] = entry.words
        for message in decided.messages:
            action = message.document["action"]
            if action in PAGES:
                document = dict(message.document)
                self.result.pages.append(Page(at, message.channel, action, document))


class TopicReplays:
    """All streams under one policy: each topic has a tracker of its own, as when it is live."""

    def __init__(self, policy: Policy, window_s: float, calls: Sequence[tuple[str, str]]) -> None:
        self._replays = {topic: Replay(policy, topic, window_s, calls) for topic in TOPICS}

    def feed(self, decisions: pl.DataFrame) -> None:
        """Decisions of any metrics, each topic's in the order that `Replay.feed` asks for."""
        for (topic,), part in decisions.group_by(_topic(), maintain_order=True):
            self._replays[str(topic)].feed(part)

    def result(self) -> Replayed:
        """Of all streams, by time."""
        return _joined(replay.result for replay in self._replays.values())


def _topic() -> pl.Expr:
    """The topic that a series' records came by, from its metric: each has a tracker of its own."""
    return (
        pl.when(pl.col("metric").is_in(SCORED_METRICS))
        .then(pl.lit(TOPIC_EVENTS))
        .when(pl.col("metric").is_in([LINES, NEW_TEMPLATES]))
        .then(pl.lit(TOPIC_LOGS))
        .otherwise(pl.lit(TOPIC_METRICS))
        .alias("topic")
    )


def chunks(decisions: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Consecutive parts of at most half an hour."""
    numbered = decisions.with_columns(
        part=pl.col("window_start").dt.epoch("s") // int(CHUNK.total_seconds())
    )
    for _, part in numbered.group_by("part", maintain_order=True):
        yield part.drop("part")


def _joined(results: Iterable[Replayed]) -> Replayed:
    """The result of all streams, by time."""
    whole = Replayed()
    for result in results:
        whole.pages += result.pages
        whole.words |= result.words
        whole.held |= result.held
        whole.documents |= result.documents
    whole.pages.sort(key=lambda page: (page.at, page.channel))
    return whole
