"""One process beside workers that share the partitions out, on the same messages."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from threading import Event, Thread
from typing import Any

import orjson
import pyarrow as pa

from vigil.bench.stream.load import Path, messages
from vigil.bench.stream.throughput import empty_tables, fill, timed_scorer
from vigil.config import Settings
from vigil.errors import VigilError
from vigil.stores import open_log
from vigil.stores.checkpoint import CONSUMER, CheckpointStore
from vigil.stores.database import open_database
from vigil.stream.assembly import score_with_workers
from vigil.stream.workers.partials import TOPIC_PARTIALS, WORKER, Account

ALL = 1 << 30
LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Shared:
    """Wall seconds from the first worker's first partition to the commit with the last event, with
    the time until all workers have theirs in it. CPU seconds of all workers together since they
    had a partition, and of the scorer that gathers, without its start.
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
    """Throughput and CPU time of a record, by medians over the rounds. What the gathering scorer
    takes does not grow with the records: it is told as cores in use.

    new_settings: those of an empty log with a partition for each worker, and an empty database, for
    each round anew: a consumer group cannot begin again.
    """
    events = table.num_rows
    alone: list[tuple[float, float]] = []
    shared: list[Shared] = []
    for number in range(rounds):
        settings = new_settings(number)
        with closing(open_log(settings)) as event_log:
            fill(event_log, messages(table, path.form))
        # Whatever slows the machine down for a while must not always meet the same one.
        for way in sorted(("alone", "shared"), reverse=bool(number % 2)):
            if way == "alone":
                alone.append(timed_scorer(settings, events))
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
        "gatherer_cores": round(median(it.gatherer_cpu_s / it.wall_s for it in shared), 3),
    }


def _each_us(seconds: list[float], events: int) -> float:
    """Median, in µs a record."""
    return round(1e6 * median(seconds) / events, 3)


def _timed_workers(settings: Settings, events: int, workers: int) -> Shared:
    """The whole log through workers; raises VigilError when events are missing."""
    empty_tables(settings)
    engine = open_database(settings)
    try:
        with _watching(CheckpointStore(engine, CONSUMER), events) as seen:
            score_with_workers(settings, CONSUMER, None, Event(), drain=True, workers=workers)
    finally:
        engine.dispose()
    if seen.done_at is None:
        raise VigilError(f"{workers} workers did not read all {events} events")
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
        wall_s=(seen.done_at - handed[0].appended_at).total_seconds(),
        workers_cpu_s=sum(last[name].cpu_s - first[name].cpu_s for name in first),
        gatherer_cpu_s=seen.cpu_s,
    )


@dataclass(slots=True)
class _Seen:
    """When the commit with the last event was, and what CPU time this process took from the
    scorer's first commit to that.
    """

    done_at: datetime | None = None
    cpu_s: float = 0.0


@contextmanager
def _watching(store: CheckpointStore, events: int) -> Iterator[_Seen]:
    """Looks at the scorer's commits: what comes before and after is the start and end of
    processes.
    """
    seen, over = _Seen(), Event()

    def watch() -> None:
        began_s = None
        while seen.done_at is None and not over.wait(LOOK_S):
            position = store.position()
            if position is None:
                continue
            now_s = sum(os.times()[:2])
            began_s = now_s if began_s is None else began_s
            if position.counters["accepted"] >= events:
                seen.cpu_s, seen.done_at = now_s - began_s, position.committed_at

    thread = Thread(target=watch, name="watch", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
