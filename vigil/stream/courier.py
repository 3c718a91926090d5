"""Carries what is committed to the world outside: alerts to people, documents to the sink.

A thread of its own, so that a webhook or a sink that is slow or down never holds up scoring: what
it has not taken yet waits in the database.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson
import polars as pl

from vigil.alerts.delivery import Outbox
from vigil.errors import DependencyError
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.dead_letters import dead_frame, dead_letter_lines, one_dead_letter
from vigil.events.schema import TOPIC_DEAD_LETTERS
from vigil.stores.alerting import Waiting
from vigil.stores.log import EventLog, Message
from vigil.stores.sink_outbox import SinkOutbox
from vigil.stores.sinks import Refused, Sink
from vigil.stream.graph_feed import GraphFeed

log = logging.getLogger("vigil.courier")

IDLE_S = 0.5
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
JOIN_S = 60.0


class Courier:
    """Starts with `start`; `wake` says that there is something new; `finish` ends it."""

    def __init__(
        self,
        outbox: Outbox,
        documents: SinkOutbox,
        graph: GraphFeed,
        sink: Sink,
        event_log: EventLog,
    ) -> None:
        self._outbox = outbox
        self._graph = graph
        self._documents = documents
        self._sink = sink
        self._event_log = event_log
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin with what an earlier life has left."""
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something to carry."""
        self._wake.set()

    def finish(self, deliver_all: bool = False) -> None:
        """End the thread; with `deliver_all`, carry the rest first.

        Raises DependencyError when the sink or the database does not take it.
        """
        self._ending.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(JOIN_S)
            self._thread = None
        while deliver_all and self._carry():
            pass

    def _run(self) -> None:
        alerts, sink = _Patient(self._outbox.deliver), _Patient(self._feed_sink)
        while not self._ending.is_set():
            self._wake.clear()
            if not alerts.attempt() + sink.attempt():
                self._wake.wait(IDLE_S)

    def _carry(self) -> int:
        """One batch of each kind; returns how much it was."""
        return self._outbox.deliver() + self._feed_sink()

    def _feed_sink(self) -> int:
        return self._feed_documents() + self._feed_graph()

    def _feed_graph(self) -> int:
        written, refused = self._graph.deliver()
        self._bury(refused)
        return written

    def _feed_documents(self) -> int:
        waiting = self._documents.waiting()
        if waiting is None:
            return 0
        documents = waiting.documents
        refused = self._sink.write_scores(documents.scores)
        refused += self._sink.write_alerts(documents.alerts)
        refused += self._sink.write_lines(documents.lines)
        self._bury(refused)
        self._documents.forget(waiting)
        return documents.scores.height + len(documents.alerts) + documents.lines.height

    def _bury(self, refused: list[Refused]) -> None:
        """A document that will never be accepted is kept where people look for such things."""
        if not refused:
            return
        log.error("%d documents refused, the first: %s", len(refused), refused[0].reason)
        letters = [
            one_dead_letter(
                number, f"sink, document {item.document_id}", 0, "document",
                "must be accepted by the sink", item.reason, item.document,
            )
            for number, item in enumerate(refused)
        ]  # fmt: skip
        _append(self._event_log, letters)


class _Patient:
    """Does something again and again, after failures with pauses that double."""

    def __init__(self, work: Callable[[], int]) -> None:
        self._work = work
        self._retry_s = FIRST_RETRY_S
        self._due_s = 0.0

    def attempt(self) -> int:
        """What the work returns; 0 where it fails, or failed a moment ago."""
        if time.monotonic() < self._due_s:
            return 0
        try:
            done = self._work()
        except DependencyError as error:
            log.warning("%s; trying again in %.1f s", error, self._retry_s)
            self._due_s = time.monotonic() + self._retry_s
            self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)
            return 0
        self._retry_s = FIRST_RETRY_S
        return done


def bury_message(event_log: EventLog, waiting: Waiting, error: str) -> None:
    """A message that no channel takes is kept where people look for such things."""
    place = f"channel {waiting.channel}, notification {waiting.notification_id}"
    letter = one_dead_letter(
        0, place, 0, "message", "must be taken by a channel", error, orjson.dumps(waiting.document)
    )
    _append(event_log, [letter])


def _append(event_log: EventLog, letters: list[Any]) -> None:
    dead: pl.DataFrame = dead_frame(letters)
    message = Message(dead_letter_lines(dead), {CONTENT_TYPE: NDJSON})
    event_log.append(TOPIC_DEAD_LETTERS, [message])
