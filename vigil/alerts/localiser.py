"""Asks where an incident comes from, before people are told: within seconds, or not at all."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.errors import LogError
from vigil.events.decode import Limits
from vigil.events.schema import SCHEMA_OF_TOPIC, TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS
from vigil.rootcause.changes import LOOK_BACK
from vigil.rootcause.localise import PAST, Traces, localise
from vigil.rootcause.ranking import LOOK_AHEAD
from vigil.stores.changes import ChangeStore
from vigil.stores.graph import GraphStore
from vigil.stores.log import EventLog
from vigil.stores.log_search import LogSearch

log = logging.getLogger("vigil.alerts")

# A page waits no longer than this for its cause, however many there are at once …
WAIT_S = 4.0
# … of which the search of the log may take this much.
SEARCH_S = 1.5
MOST_SPANS = 60_000
MOST_OTHERS = 40_000
CALLS_OF_MINUTES = 60
ASKED_OF = frozenset({"opened", "reopened", "updated"})

_SERIES = {
    "service": pl.String,
    "environment": pl.String,
    "metric": pl.String,
    "expected": pl.Float64,
    "actual": pl.Float64,
}


class Localiser:
    """Looks for causes in a thread of its own, whose failures nobody waits for.

    `open_log` gives an event log that nobody else reads by; it is asked at the first incident.
    """

    def __init__(self, engine: sa.Engine, open_log: Callable[[], EventLog], limits: Limits) -> None:
        self._changes = ChangeStore(engine)
        self._graph = GraphStore(engine)
        self._open_log = open_log
        self._limits = limits
        self._log: EventLog | None = None
        self._pool = ThreadPoolExecutor(1, "localiser")
        self._last: Future[dict[str, Any]] | None = None

    def causes_of(self, alerts: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Incident → what `Localisation.document` says, of those found within four seconds.

        An incident with several alerts is looked at as of the last one.
        """
        newest = {
            alert["incident_id"]: alert
            for alert in alerts
            if alert["action"] in ASKED_OF
            and alert["stream"] in SCHEMA_OF_TOPIC
            and alert.get("series")
        }
        found = {}
        until_s = time.monotonic() + WAIT_S
        for number, alert in newest.items():
            if self._last is not None and not self._last.done():
                log.warning("the search for the cause of an earlier incident still runs")
                break
            self._last = self._pool.submit(self._localise, alert)
            try:
                found[number] = self._last.result(max(until_s - time.monotonic(), 0.0))
            except TimeoutError:
                log.warning("%s: no cause was found within %.0f s", number, WAIT_S)
                break
            except Exception:
                # Whatever goes wrong here, people are to be told of the incident.
                log.warning("%s: the search for its cause failed", number, exc_info=True)
        return found

    def close(self) -> None:
        """Wait for nothing, and release the log."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._log is not None:
            self._log.close()

    def _localise(self, alert: Mapping[str, Any]) -> dict[str, Any]:
        began_at = min(datetime.fromisoformat(item["since"]) for item in alert["series"])
        known_at = datetime.fromisoformat(alert["at"])
        graph = self._graph.as_of(known_at, CALLS_OF_MINUTES)
        calls = graph.filter(pl.col("caller") != "").select("caller", "service").unique().rows()
        changes = self._changes.between(began_at - LOOK_BACK, began_at)
        series = pl.DataFrame(
            [{name: item.get(name) for name in _SERIES} for item in alert["series"]], schema=_SERIES
        )
        traces = self._traces(began_at, min(known_at, began_at + LOOK_AHEAD))
        found = localise(series, calls, began_at, alert["origin"], changes, traces)
        return found.document()

    def _traces(self, began_at: datetime, until_at: datetime) -> Traces | None:
        """What the log has of the time around; None where the log cannot be read."""
        start_at, end_at = began_at - PAST, until_at + timedelta(microseconds=1)
        try:
            if self._log is None:
                self._log = self._open_log()
            search = LogSearch(self._log, self._limits)
            events = search.between(TOPIC_EVENTS, start_at, end_at, MOST_SPANS, SEARCH_S)
            if not events.whole:
                # A sample of requests says nothing with a sample of other lines.
                return Traces(events.records, whole=False)
            logs, metrics = (
                search.between(topic, start_at, end_at, MOST_OTHERS, SEARCH_S / 2)
                for topic in (TOPIC_LOGS, TOPIC_METRICS)
            )
        except LogError as error:
            log.warning("%s; the cause is looked for without traces", error)
            if self._log is not None:
                self._log.close()
                self._log = None
            return None
        return Traces(
            events.records,
            logs=logs.records if logs.whole and logs.records.height else None,
            metrics=metrics.records if metrics.records.height else None,
        )
