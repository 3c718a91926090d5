"""Checks of the stream: is the scorer keeping up, and has somebody fallen silent."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from vigil.doctor.finding import NOTE, OK, PROBLEM, Finding
from vigil.doctor.installation import Installation
from vigil.status import unread_messages
from vigil.stores import open_log
from vigil.stores.checkpoint import CONSUMER, Checkpoint, CheckpointStore
from vigil.stores.stream_health import StreamHealth, records_per_s
from vigil.stream.workers.partials import FOLDED, TOPIC_PARTIALS
from vigil.stream.workers.roster import not_handed_over

TREND = timedelta(minutes=5)
# An active scorer leaves a sample every ten seconds.
STALE = timedelta(seconds=60)
GROWTH = 1.2
SMALL_LAG = 1_000
# A worker hands over every five seconds at least.
UNHEARD = timedelta(seconds=30)
# A key that had traffic in this many of the windows before, and has had none since.
BUSY_WINDOWS = 30
BEFORE, SILENT = "2 hours", "30 minutes"
NAMED = 3


def check_lag(installation: Installation) -> Finding:
    """Unread messages, against what they were five minutes ago."""
    engine = installation.engine
    checkpoint = CheckpointStore(engine, CONSUMER).position()
    samples = StreamHealth(engine, CONSUMER).since(datetime.now(UTC) - TREND)
    with closing(open_log(installation.settings)) as event_log:
        lag = sum(unread_messages(event_log, checkpoint).values())
    found = f"{lag:,} messages not read yet"
    if not samples or datetime.now(UTC) - samples[-1].at > STALE:
        found += ", and no scorer is at work"
        return Finding("lag", NOTE if lag == 0 else PROBLEM, found, "vigil up, or vigil score")
    before = samples[0].lag_messages
    if lag > SMALL_LAG and lag > GROWTH * before:
        found += f" and growing: {before:,} five minutes ago, at {records_per_s(samples) or 0:,.0f}"
        remedy = _remedy(installation, checkpoint, lag)
        return Finding("lag", PROBLEM, f"{found} records/s", remedy)
    return Finding("lag", OK, found)


def _remedy(installation: Installation, checkpoint: Checkpoint | None, lag: int) -> str:
    """What helps where the lag grows."""
    if checkpoint is None or TOPIC_PARTIALS not in checkpoint.offsets:
        return "give the scorer more CPU or workers (docs/scale.md), or send larger batches"
    with closing(open_log(installation.settings)) as event_log:
        theirs = not_handed_over(event_log, checkpoint.offsets)
    if 2 * sum(theirs.values()) > lag:
        return f"the workers are behind: start more of them, up to {len(theirs)}, one a partition"
    return "the scorer is behind its workers: longer windows, or Flink (docs/scale.md)"


def check_workers(installation: Installation) -> Finding:
    """Where windows are folded by workers: does each partition have one that is heard of?"""
    checkpoint = CheckpointStore(installation.engine, CONSUMER).position()
    if checkpoint is None or TOPIC_PARTIALS not in checkpoint.offsets:
        return Finding("workers", OK, "none: the scorer reads every partition itself")
    samples = StreamHealth(installation.engine, CONSUMER).since(datetime.now(UTC) - STALE)
    if not samples:
        return Finding("workers", NOTE, "no scorer says who is at work", "see the finding on lag")
    # A scorer that has just begun has not heard of all of them yet: the one before had.
    workers = {name: worker for one in samples for name, worker in one.workers.items()}
    silent = {
        name: worker for name, worker in workers.items()
        if samples[-1].at - worker.heard_at > UNHEARD
    }  # fmt: skip
    read = {place for name in workers.keys() - silent.keys() for place in workers[name].partitions}
    with closing(open_log(installation.settings)) as event_log:
        places = {
            f"{topic}/{number}" for topic in FOLDED for number in range(event_log.partitions(topic))
        }
    found = f"{len(workers) - len(silent)} read {len(places & read)} of {len(places)} partitions"
    if places <= read:
        return Finding("workers", OK, found)
    last = "".join(
        f"; {name} was last heard of at {worker.heard_at:%H:%M:%S}"
        for name, worker in list(silent.items())[:NAMED]
    )
    remedy = "start workers: vigil work, or vigil score --workers N"
    unread = ", ".join(sorted(places - read)[:NAMED])
    return Finding("workers", PROBLEM, f"{found}: nobody reads {unread}{last}", remedy)


def check_silence(installation: Installation) -> Finding:
    """Keys whose traffic has ended while the stream as a whole goes on."""
    query = sa.text(
        f"""
        WITH newest AS (SELECT max(window_start) AS at FROM request_windows WHERE requests > 0)
        SELECT k.environment, k.service, k.route, max(w.window_start) AS last_at
        FROM newest, request_windows w JOIN keys k USING (key_id)
        WHERE w.window_start > newest.at - INTERVAL '{BEFORE}' AND w.requests > 0
        GROUP BY k.key_id, k.environment, k.service, k.route, newest.at
        HAVING count(*) >= :busy AND max(w.window_start) < newest.at - INTERVAL '{SILENT}'
        ORDER BY last_at DESC
        """
    )
    with installation.engine.connect() as connection:
        silent = connection.execute(query, {"busy": BUSY_WINDOWS}).all()
    if not silent:
        return Finding("silent series", OK, f"none had traffic and lost it {SILENT} ago or longer")
    named = "; ".join(
        f"{environment}/{service} {route or ''} since {last_at:%Y-%m-%d %H:%M}"
        for environment, service, route, last_at in silent[:NAMED]
    )
    more = f" and {len(silent) - NAMED} more" if len(silent) > NAMED else ""
    remedy = "see whether the service or its sender has stopped"
    return Finding("silent series", NOTE, f"{named}{more}", remedy)
