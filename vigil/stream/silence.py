"""Notices that a whole topic has fallen silent.

Windows close by event time. When nothing at all comes any more, no watermark moves, no window
closes and no series can be missed: the gravest outage would be the quietest. So the wall clock
watches the watermarks of a stream that has been live, outside the path of events.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from vigil.events.schema import TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS
from vigil.incidents.own import OwnIncident
from vigil.incidents.rules import CRITICAL
from vigil.stores.own_incidents import set_own_incident
from vigil.stores.stream_health import Sample, StreamHealth

STREAM = "vigil.silence"
NAMES = {TOPIC_EVENTS: "requests", TOPIC_METRICS: "metrics", TOPIC_LOGS: "logs"}
# A stream is live while event time is this close behind the clock. A file read in at once is close
# for one such span only, so it takes more than that to be missed.
LIVE = timedelta(minutes=10)
LIVE_FOR = timedelta(minutes=15)
# Streams that come in bursts are missed after so many times the pause that is usual between them;
# the longest pauses of a day may have been outages themselves.
TIMES, USUAL = 2, 0.9
REMEMBERED = timedelta(days=1)


def silent_since(samples: Sequence[Sample], topic: str) -> datetime | None:
    """The watermark at which a live topic has stopped, None where it goes on or never was live.

    `samples`: a day of them, oldest first. While messages wait to be read, nothing is said: then
    the scorer is behind, not the sender.
    """
    if not samples or samples[-1].lag_messages or topic not in samples[-1].watermarks:
        return None
    stopped_at, now = samples[-1].watermarks[topic], samples[-1].at
    before = [
        (item.at, item.at - item.watermarks[topic])
        for item in samples
        if item.watermarks.get(topic, stopped_at) < stopped_at and not item.lag_messages
    ]
    live = [at for at, behind in before if behind <= LIVE]
    if not live or live[-1] - live[0] < LIVE_FOR:
        return None
    pauses = sorted(behind for at, behind in before if at >= live[0])
    usual_pause = pauses[int(USUAL * (len(pauses) - 1))]
    return stopped_at if now - stopped_at > max(LIVE_FOR, TIMES * usual_pause) else None


class SilenceWatch:
    """Opens an incident for each topic that has fallen silent, resolves it when it is back."""

    def __init__(self, engine: sa.Engine, consumer: str) -> None:
        self._engine = engine
        self._health = StreamHealth(engine, consumer)
        self._samples: list[Sample] = []

    def look(self) -> None:
        """Compare the last day's samples with the incidents that are open."""
        now = datetime.now(UTC)
        self._read(now - REMEMBERED)
        with self._engine.begin() as connection:
            for topic, name in NAMES.items():
                since = silent_since(self._samples, topic)
                incident = _incident(topic, name, since)
                set_own_incident(connection, incident, now, wrong=since is not None)

    def _read(self, start_at: datetime) -> None:
        """Bring the samples up to date: of those that are known already none is read again."""
        known = [sample for sample in self._samples if sample.at >= start_at]
        newest_at = known[-1].at if known else start_at
        fresh = self._health.since(newest_at)
        self._samples = known + [sample for sample in fresh if not known or sample.at > newest_at]


def _incident(topic: str, name: str, since: datetime | None) -> OwnIncident:
    return OwnIncident(
        stream=STREAM,
        origin=topic,
        prefix=f"silent-{name}",
        severity=CRITICAL,
        title=f"no {name} come in any more" if since else f"{name} come in again",
        reason=f"{topic} was live, and has nothing after {since:%Y-%m-%d %H:%M:%S} UTC"
        if since
        else f"{topic} goes on",
        cause="all senders, or the way from them to the log, have stopped at once",
    )
