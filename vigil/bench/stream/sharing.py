"""One process beside workers that share the partitions out, on the same messages."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from statistics import median
from threading import Event
from typing import Any

import orjson
import pyarrow as pa

from vigil.bench.stream.load import Path, messages
from vigil.bench.stream.throughput import _empty_tables, _fill, _timed_scorer
from vigil.config import Settings
from vigil.errors import VigilError
from vigil.stores import open_log
from vigil.stores.checkpoint import CONSUMER, CheckpointStore
from vigil.stores.database import open_database
from vigil.stream.assembly import score_with_workers
from vigil.stream.workers.partials import TOPIC_PARTIALS, WORKER, Account

ALL = 1 << 30


@dataclass(frozen=True, slots=True)
class Shared:
    """Wall seconds from the first worker's first partition to the last commit; CPU seconds of all
    workers together since they had a partition, and of the scorer that gathers.
    """

    wall_s: float
    workers_cpu_s: float
    gatherer_cpu_s: float


def measure_sharing(
    path: Path,
    new_settings: Callable[[int], Settings],
    table: pa.Table,
    workers: int,
    rounds: int,
    tick: Callable[[], None],
) -> dict[str, Any]:
    """Throughput and CPU time of a record, by medians over the rounds.

    new_settings: those of an empty log with a partition for each worker, and an empty database, for
    each round anew: a consumer group cannot begin again.
    """
    events = table.num_rows
    alone: list[tuple[float, float]] = []
    shared: list[Shared] = []
    for number in range(rounds):
        settings = new_settings(number)
        with closing(open_log(settings)) as event_log:
            _fill(event_log, messages(table, path.form))
        # Whatever slows the machine down for a while must not always meet the same one.
        for way in sorted(("alone", "shared"), reverse=bool(number % 2)):
            if way == "alone":
                alone.append(_timed_scorer(settings, events))
            else:
                shared.append(_timed_workers(settings, events, workers))
            tick()
    one_s, shared_s = median(wall for wall, _ in alone), median(it.wall_s for it in shared)
    return {
        "path": path.name,
        "events": events,
        "workers": workers,
        "one_process_events_per_s": round(events / one_s),
        "workers_events_per_s": round(events / shared_s),
        "gain": round(one_s / shared_s, 2),
        "one_process_cpu_us": _each_us([cpu for _, cpu in alone], events),
        "workers_cpu_us": _each_us([it.workers_cpu_s for it in shared], events),
        "gatherer_cpu_us": _each_us([it.gatherer_cpu_s for it in shared], events),
    }


def _each_us(seconds: list[float], events: int) -> float:
    """Median, in µs a record."""
    return round(1e6 * median(seconds) / events, 3)


def _timed_workers(settings: Settings, events: int, workers: int) -> Shared:
    """The whole log through workers; raises VigilError when events are missing."""
    _empty_tables(settings)
    cpu_s = sum(os.times()[:2])
    counters = score_with_workers(settings, CONSUMER, None, Event(), drain=True, workers=workers)
    cpu_s = sum(os.times()[:2]) - cpu_s
    if counters["accepted"] != events:
        raise VigilError(f"{counters['accepted']} of {events} events were read by workers")
    engine = open_database(settings)
    try:
        position = CheckpointStore(engine, CONSUMER).position()
    finally:
        engine.dispose()
    assert position is not None
    assert position.committed_at is not None
    first: dict[str, Account] = {}
    last: dict[str, Account] = {}
    with closing(open_log(settings)) as event_log:
        handed = event_log.read(TOPIC_PARTIALS, 0, 0, ALL, ALL)
        for stored in handed:
            if WORKER in stored.message.headers:
                account = Account(**orjson.loads(stored.message.headers[WORKER]))
                first.setdefault(account.worker, account)
                last[account.worker] = account
    return Shared(
        wall_s=(position.committed_at - handed[0].appended_at).total_seconds(),
        workers_cpu_s=sum(last[name].cpu_s - first[name].cpu_s for name in first),
        gatherer_cpu_s=cpu_s,
    )
