"""What the log and the database say about the stream's health."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from vigil.config import Settings
from vigil.events.schema import TOPIC_DEAD_LETTERS, TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS
from vigil.stores import open_log
from vigil.stores.checkpoint import CONSUMER, Checkpoint, CheckpointStore
from vigil.stores.database import open_database
from vigil.stores.log import EventLog, lag_messages
from vigil.stores.registry import Registry
from vigil.stores.stream_health import Sample, StreamHealth, growth_per_s, records_per_s
from vigil.stream.workers.roster import not_handed_over

# Throughput is the mean over this long.
RECENT = timedelta(minutes=1)


def read_status(settings: Settings) -> dict[str, Any]:
    """Stream, models and incidents as nested dictionaries, ready for JSON."""
    engine = open_database(settings)
    try:
        with closing(open_log(settings)) as event_log:
            return gather_status(engine, event_log, Registry(engine, settings.registry_path))
    finally:
        engine.dispose()


def gather_status(engine: sa.Engine, event_log: EventLog, registry: Registry) -> dict[str, Any]:
    """The same from stores that are open already."""
    checkpoint = CheckpointStore(engine, CONSUMER).position()
    lag = unread_messages(event_log, checkpoint)
    buried = sum(event_log.end_offsets(TOPIC_DEAD_LETTERS).values())
    champion = registry.champion()
    samples = StreamHealth(engine, CONSUMER).since(datetime.now(UTC) - RECENT)
    stream = {
        "lag_messages": sum(lag.values()),
        "watermark_at": samples[-1].watermark_at if samples else None,
        "records_per_s": records_per_s(samples),
        "dead_letter_messages": buried,
        "last_checkpoint_at": checkpoint and checkpoint.committed_at,
        "newest_window_at": _scalar(engine, "SELECT max(window_start) FROM request_windows"),
        **(checkpoint.counters if checkpoint else {}),
        "partitions": _partitions(event_log, checkpoint, lag, samples),
        "workers": _workers(samples),
    }
    models = {"champion": champion and champion.bundle_id}
    incidents = {
        "open": _scalar(engine, "SELECT count(*) FROM incidents WHERE status = 'open'"),
        "resolved": _scalar(engine, "SELECT count(*) FROM incidents WHERE status = 'resolved'"),
        "alerts_waiting": _scalar(
            engine,
            "SELECT (SELECT count(*) FROM alerts WHERE dispatched_at IS NULL)"
            " + (SELECT count(*) FROM notifications WHERE status = 'waiting')",
        ),
    }
    return {"stream": stream, "models": models, "incidents": incidents}


def unread_messages(
    event_log: EventLog, checkpoint: Checkpoint | None
) -> dict[tuple[str, int], int]:
    """(topic, partition) → messages that the scorer's last checkpoint has not counted in."""
    offsets = checkpoint.offsets if checkpoint else {}
    return lag_messages(event_log, offsets, (TOPIC_EVENTS, TOPIC_METRICS, TOPIC_LOGS))


def _partitions(
    event_log: EventLog,
    checkpoint: Checkpoint | None,
    lag: Mapping[tuple[str, int], int],
    samples: Sequence[Sample],
) -> list[dict[str, Any]]:
    """The lag of each; with workers, what of it they have not handed over yet, and who reads it."""
    theirs = not_handed_over(event_log, checkpoint.offsets) if checkpoint else {}
    workers = samples[-1].workers if samples else {}
    readers = {place: name for name, worker in workers.items() for place in worker.partitions}
    return [
        {
            "topic": topic,
            "partition": partition,
            "lag_messages": messages,
            "not_handed_over": theirs.get((topic, partition)),
            "worker": readers.get(f"{topic}/{partition}"),
        }
        for (topic, partition), messages in sorted(lag.items())
    ]


def _workers(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """As of the last sample, with means over all of them: records a second, and cores in use."""
    rows = []
    for name, worker in (samples[-1].workers if samples else {}).items():
        seen = [(item.at, item.workers[name]) for item in samples if name in item.workers]
        rows.append(
            {
                "worker": name,
                "partitions": worker.partitions,
                "records_per_s": growth_per_s([(at, it.accepted + it.dead) for at, it in seen]),
                "cores": growth_per_s([(at, it.cpu_s) for at, it in seen]),
                "dead": worker.dead,
                "heard_at": worker.heard_at,
            }
        )
    return rows


def _scalar(engine: sa.Engine, query: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(sa.text(query)).scalar()
