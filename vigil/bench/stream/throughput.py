"""One path through the stream, timed from the first message to the last commit."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from functools import partial
from statistics import median
from threading import Event
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from vigil.bench.stream.limits import AS_IT_COMES, read_and_decode
from vigil.bench.stream.load import Path, messages
from vigil.config import Settings
from vigil.errors import VigilError
from vigil.events.schema import TOPIC_EVENTS
from vigil.stores import open_log
from vigil.stores.database import open_database
from vigil.stores.log import EventLog
from vigil.stream.assembly import keep_scoring

APPEND = 10_000
# Returns events a second.
Rate = Callable[[Settings], float]


def measure_path(
    path: Path,
    settings: Settings,
    table: pa.Table,
    rounds: int,
    tick: Callable[[], None],
    peers: Mapping[str, Rate] | None = None,
) -> dict[str, Any]:
    """Fill the log of `settings`, then read it `rounds` times in each way, in turns.

    Medians over the rounds; `ratio` is the median of the scorer's rate by that of the limit in the
    same round. The rate of each peer, and of the limit with the client of Kafka as it comes, is
    beside it, and how many times as fast the scorer is.
    """
    events = table.num_rows
    with closing(open_log(settings)) as event_log:
        fill(event_log, messages(table, path.form))
    ways: dict[str, Callable[[], tuple[float, float]]] = {
        "limit": partial(_timed, partial(read_and_decode, settings, path.form, events), events),
        **_untuned(path, settings, events),
        "scorer": partial(timed_scorer, settings, events),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in (*ways, *(peers or {}))}
    for number in range(rounds):
        # Whatever slows the machine down for a while must not always meet the same one.
        for name in sorted(ways, reverse=bool(number % 2)):
            found[name].append(ways[name]())
            tick()
        for name, rate in (peers or {}).items():
            found[name].append((events / rate(settings), 0.0))
            tick()
    return _summary(path.name, events, found)


def _untuned(
    path: Path, settings: Settings, events: int
) -> dict[str, Callable[[], tuple[float, float]]]:
    """The limit with the client of Kafka as it comes, where there is one."""
    if not settings.log_url.startswith("kafka://"):
        return {}
    read = partial(read_and_decode, settings, path.form, events, AS_IT_COMES)
    return {"untuned-limit": partial(_timed, read, events)}


def _summary(
    path: str, events: int, found: Mapping[str, list[tuple[float, float]]]
) -> dict[str, Any]:
    seconds = {name: [wall for wall, _ in times] for name, times in found.items()}
    rates = {name: events / median(walls) for name, walls in seconds.items()}
    pairs = zip(seconds["limit"], seconds["scorer"], strict=True)
    row: dict[str, Any] = {
        "path": path,
        "events": events,
        "limit_events_per_s": round(rates["limit"]),
        "scorer_events_per_s": round(rates["scorer"]),
        "ratio": round(median(limit / scorer for limit, scorer in pairs), 3),
        "limit_cpu_s": round(median(cpu for _, cpu in found["limit"]), 2),
        "scorer_cpu_s": round(median(cpu for _, cpu in found["scorer"]), 2),
    }
    for name in found:
        if name not in ("limit", "scorer"):
            row[f"{name}_events_per_s"] = round(rates[name])
            row[f"times_{name}"] = round(rates["scorer"] / rates[name], 2)
    return row


def timed_scorer(settings: Settings, events: int) -> tuple[float, float]:
    """(wall seconds, CPU seconds) of a scorer without a past, through the whole log."""
    empty_tables(settings)
    consumer = f"bench-{time.time_ns()}"
    return _timed(partial(_score, settings, consumer), events)


def empty_tables(settings: Settings) -> None:
    """Forget the round before: its windows would be in the way."""
    engine = open_database(settings)
    tables = set(sa.inspect(engine).get_table_names()) - {"alembic_version"}
    with engine.begin() as connection:
        connection.execute(sa.text(f"TRUNCATE {', '.join(sorted(tables))}"))
    engine.dispose()


def fill(event_log: EventLog, found: Iterable[Any]) -> None:
    """Append messages of events, many at once."""
    batch = []
    for message in found:
        batch.append(message)
        if len(batch) == APPEND:
            event_log.append(TOPIC_EVENTS, batch)
            batch = []
    if batch:
        event_log.append(TOPIC_EVENTS, batch)


def _timed(run: Callable[[], int], expected: int) -> tuple[float, float]:
    """(wall seconds, CPU seconds of this process); raises VigilError when events are missing."""
    began, cpu = time.perf_counter(), sum(os.times()[:2])
    found = run()
    took = time.perf_counter() - began, sum(os.times()[:2]) - cpu
    if found != expected:
        raise VigilError(f"{found} of {expected} events were read: the timing means nothing")
    return took


def _score(settings: Settings, consumer: str) -> int:
    return keep_scoring(settings, consumer, None, Event(), drain=True)["accepted"]
