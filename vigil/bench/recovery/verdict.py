"""After the campaign: compare everything with a run that nothing disturbed."""

import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import sqlalchemy as sa

from vigil.bench.recovery.feeder import Feeder
from vigil.bench.recovery.receiver import Receiver
from vigil.config import Settings
from vigil.events.schema import TOPIC_EVENTS
from vigil.stores import open_log
from vigil.stores.checkpoint import CONSUMER
from vigil.stores.database import open_database
from vigil.stores.log import EventLog
from vigil.stores.score_blocks import on_grid
from vigil.stores.sinks import open_sink
from vigil.stores.timescale import WindowStore
from vigil.stream.assembly import open_scorer

EVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

_ROWS = {
    "windows": "SELECT key_id, window_start, requests, errors, round(duration_ms_sum::numeric, 3),"
    " latency_ms_p95 FROM request_windows",
    "incidents": "SELECT incident_id, status, opened_at, resolved_at, title FROM incidents",
    "alerts": "SELECT alert_id, incident_id, action, at FROM alerts",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """All of these but the first three must be zero."""

    events_acknowledged: int
    windows: int
    alerts: int
    events_lost: int
    events_counted_twice: int
    windows_wrong: int
    scores_wrong: int
    incidents_wrong: int
    alerts_lost: int
    alerts_with_two_ids: int
    documents_missing: int
    clock_jump_wrong: int

    @property
    def holds(self) -> bool:
        """True when nothing was lost, doubled or wrong."""
        facts = asdict(self)
        return not any(facts[name] for name in list(facts)[3:])


def judge(settings: Settings, reference: Settings, feeder: Feeder, receiver: Receiver) -> Verdict:
    """`settings`: the drained scorer under test; `reference`: an empty database, the same log."""
    rescore(reference)
    expected, found = contents(reference), contents(settings)
    rescore(reference, clock=jumping_clock(), consumer="clock-jump", again=True)
    jumped = contents(reference)
    twice, missed = _miscounted(expected["windows"], found["windows"])
    with closing(open_log(settings)) as event_log:
        vanished = _vanished(event_log, feeder.acknowledged)
    alert_ids = {row[0] for row in expected["alerts"]}
    occasions = Counter(row[1:] for row in expected["alerts"])
    return Verdict(
        events_acknowledged=feeder.events,
        windows=len(expected["windows"]),
        alerts=len(expected["alerts"]),
        events_lost=vanished + missed,
        events_counted_twice=twice,
        windows_wrong=len(expected["windows"] ^ found["windows"]),
        scores_wrong=len(expected["scores"] ^ found["scores"]),
        incidents_wrong=len(expected["incidents"] ^ found["incidents"]),
        alerts_lost=len(alert_ids - set(receiver.taken)),
        alerts_with_two_ids=sum(
            len(ids) > occasions[occasion] for occasion, ids in receiver.occasions.items()
        ),
        documents_missing=_documents_missing(settings, found),
        clock_jump_wrong=len(expected["windows"] ^ jumped["windows"]),
    )


def rescore(
    settings: Settings,
    clock: Callable[[], datetime] | None = None,
    consumer: str = CONSUMER,
    again: bool = False,
) -> None:
    """Score the whole log in this process, undisturbed; `again` empties the tables before."""
    engine = open_database(settings)
    if again:
        with engine.begin() as connection:
            connection.execute(
                sa.text(
                    "TRUNCATE request_windows, scores, score_blocks, attributions, incidents,"
                    " alerts, late_events"
                )
            )
    engine.dispose()
    with open_scorer(settings, consumer, show=None) as scorer:
        if clock is not None:
            scorer.clock = clock
        scorer.run(Event(), drain=True)


def jumping_clock() -> Callable[[], datetime]:
    """A clock that is set a week forward and back all the time."""
    jumps = 0

    def now() -> datetime:
        nonlocal jumps
        jumps += 1
        return datetime.now(UTC) + timedelta(days=7 * (jumps % 3 - 1))

    return now


def contents(settings: Settings) -> dict[str, set[tuple[Any, ...]]]:
    """What the database holds, as sets of rows."""
    engine = open_database(settings)
    with engine.connect() as connection:
        found = {
            name: {tuple(row) for row in connection.execute(sa.text(query))}
            for name, query in _ROWS.items()
        }
    # How much is packed by now is a matter of time: compared is what blocks keep.
    scores = on_grid(WindowStore(engine).scores(*EVER))
    columns = ("series_id", "window_start", "revision", "actual", "p", "flagged")
    found["scores"] = set(scores.select(columns).iter_rows())
    engine.dispose()
    return found


def _miscounted(expected: set[tuple[Any, ...]], found: set[tuple[Any, ...]]) -> tuple[int, int]:
    """(requests counted too often, requests not counted), window by window."""
    due = {row[:2]: row[2] for row in expected}
    counted = {row[:2]: row[2] for row in found}
    surplus = [counted.get(key, 0) - due.get(key, 0) for key in due.keys() | counted.keys()]
    return sum(extra for extra in surplus if extra > 0), -sum(n for n in surplus if n < 0)


def _vanished(event_log: EventLog, acknowledged: dict[tuple[int, int], int]) -> int:
    """Acknowledged messages that the log does not hold as they were sent."""
    waiting = dict(acknowledged)
    for partition, end in event_log.end_offsets(TOPIC_EVENTS).items():
        offset = 0
        while offset < end:
            for stored in event_log.read(TOPIC_EVENTS, partition, offset, 1_000):
                place = (partition, stored.offset)
                if waiting.get(place) == zlib.crc32(stored.message.value):
                    del waiting[place]
                offset = stored.offset + 1
    return len(waiting)


def _documents_missing(settings: Settings, found: dict[str, set[tuple[Any, ...]]]) -> int:
    """Scores and alerts of the database that the sink does not have."""
    engine = open_database(settings)
    with closing(open_sink(settings, engine)) as sink:
        sink.refresh()
        missing = len(found["scores"]) - sink.count_scores()
        alerts = sink.alerts(*EVER, limit=10_000)
    engine.dispose()
    return missing + len({row[0] for row in found["alerts"]} - {a["_id"] for a in alerts})
