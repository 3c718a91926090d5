"""One process beside workers that share the partitions out, on the same messages."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from threading import Event, Thread
from typing import Any

import orjson
import pyarrow as pa

from vigil.bench.stream.core_share import core_share
from vigil.bench.stream.load import Path, messages
from vigil.bench.stream.throughput import empty_tables, fill, timed_scorer
from vigil.config import Settings
from vigil.errors import VigilError
from vigil.stores import open_log
from vigil.stores.checkpoint import CONSUMER, CheckpointStore
from vigil.stores.database import open_database
from vigil.stores.log import StoredMessage
from vigil.stream.assembly import score_with_workers
from vigil.stream.workers.partials import TOPIC_PARTIALS, WORKER, Account

ALL = 1 << 30
LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Shared:
    """Wall seconds from the first worker's first partition to the commit with the last event, with
    the time until all workers have theirs in it. Events a second of each worker while it had some,
    added up. CPU seconds of all workers together since they had a partition, and of the scorer that
    gathers, without its start.
    """

    wall_s: float
    rate: float
    workers_cpu_s: float
    gatherer_cpu_s: float


def measure_sharing(
    path: Path,
    new_settings: Callable[[int], Settings],
    table: pa.Table,
    workers: int,
    rounds: int,
    tick: Callable[[], None],
    share: float | None = None,
) -> dict[str, Any]:
    """Throughput and CPU time of a record, by medians over the rounds. What the gathering scorer
    takes does not grow with the records: it is told as cores in use.

    share: what each worker gets of a core, see `core_share`; all where None. new_settings: those of
    an empty log with a partition for each worker, and an empty database, for each round anew: a
    consumer group cannot begin again.
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
                with core_share(share) if share else nullcontext():
                    shared.append(_timed_workers(settings, events, workers))
            tick()
    one_s, shared_s = median(wall for wall, _ in alone), median(it.wall_s for it in shared)
    return {
        "path": path.name,
        "events": events,
        "workers": workers,
        "core_share": share,
        "one_process_events_per_s": round(events / one_s),
        "workers_events_per_s": round(events / shared_s),
        "gain": round(one_s / shared_s, 2),
        "workers_own_rates_events_per_s": round(median(it.rate for it in shared)),
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
    with closing(open_log(settings)) as event_log:
        handed = event_log.read(TOPIC_PARTIALS, 0, 0, ALL, ALL)
        accounts = _accounts(handed)
    return Shared(
        wall_s=(seen.done_at - handed[0].appended_at).total_seconds(),
        rate=sum(_rate(of_one) for of_one in accounts),
        workers_cpu_s=sum(of_one[-1][1].cpu_s - of_one[0][1].cpu_s for of_one in accounts),
        gatherer_cpu_s=seen.cpu_s,
    )


# What workers said of themselves, and when.
Accounts = list[tuple[datetime, Account]]


def _accounts(handed: Iterable[StoredMessage]) -> list[Accounts]:
    """Those of each worker, oldest first."""
    found: dict[str, Accounts] = {}
    for stored in handed:
        if WORKER in stored.message.headers:
            account = Account(**orjson.loads(stored.message.headers[WORKER]))
            found.setdefault(account.worker, []).append((stored.appended_at, account))
    return list(found.values())


def _rate(accounts: Accounts) -> float:
    """Events a second from the first hand-over to the last with any; 0 where there was but one."""
    most = accounts[-1][1].accepted
    (began_at, first), *_ = accounts
    ended_at = next(at for at, account in accounts if account.accepted == most)
    took_s = (ended_at - began_at).total_seconds()
    return (most - first.accepted) / took_s if took_s else 0.0


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
