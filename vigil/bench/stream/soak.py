"""Hours of traffic, twenty times as fast as time: does memory or lag grow, is anything lost?"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from threading import Event
from typing import Any

import numpy as np
import psutil

from vigil.bench.stream.load import traffic, with_times
from vigil.config import Settings
from vigil.errors import DependencyError, VigilError
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.schema import TOPIC_EVENTS
from vigil.services import service_environment
from vigil.stores import open_log
from vigil.stores.arrow_messages import ROWS_PER_MESSAGE, arrow_messages
from vigil.stores.checkpoint import CONSUMER, Checkpoint, CheckpointStore
from vigil.stores.database import open_database
from vigil.stores.log import EventLog, Message, lag_messages

SPEED = 20
EVENTS_PER_S = 2_000
LATE_SHARE, DOUBLE_SHARE, BROKEN_SHARE = 0.05, 0.01, 0.001
LATE_BY_S = 40
SAMPLE_S = 5.0
# In the end the scorer may take so long to read what is left.
CATCH_UP_S = 60.0
# What counts as flat: memory may wander by a tenth.
GROWTH = 1.1


@dataclass(frozen=True, slots=True)
class Reading:
    """At one moment: resident memory of the scorer and its workers, messages not committed yet."""

    elapsed_s: float
    memory_mb: float
    lag_messages: int


@dataclass(slots=True)
class Sent:
    """What was sent so far."""

    seconds: int = 0
    messages: int = 0
    records: int = 0


def soak(
    settings: Settings, minutes: float, seed: int, workers: int | None = None
) -> dict[str, Any]:
    """Replay with late, doubled and broken events; Ctrl-C ends it early, with what there is.

    `holds`: neither memory nor lag is larger in the last quarter than in the second one, with a
    tenth to spare, and every record that was sent was counted. Raises VigilError where it was too
    short to say, DependencyError when the scorer ended.
    """
    command = ["score", "--quiet", *(["--workers", str(workers)] if workers else [])]
    sent, readings = Sent(), []
    engine = open_database(settings)
    try:
        with closing(open_log(settings)) as event_log, _running(command, settings) as scorer:
            store = CheckpointStore(engine, CONSUMER)
            with _set_by_ctrl_c() as stop:
                for elapsed_s in _send(event_log, minutes, seed, sent, stop):
                    scorer.check()
                    lag = lag_messages(event_log, store.offsets(), [TOPIC_EVENTS])
                    readings.append(Reading(elapsed_s, scorer.memory_mb(), sum(lag.values())))
            counters = _caught_up(store, sent.records)
    finally:
        engine.dispose()
    return _summary(sent, readings, counters)


@contextmanager
def _set_by_ctrl_c() -> Iterator[Event]:
    """Set by the first Ctrl-C; the next one does what it did before."""
    stop = Event()

    def handle(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, before)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _send(
    event_log: EventLog, minutes: float, seed: int, sent: Sent, stop: Event
) -> Iterator[float]:
    """Append a second's messages each second; yields the seconds gone when a reading is due."""
    began, due_s = time.monotonic(), 0.0
    for pieces in soak_seconds(seed):
        elapsed_s = time.monotonic() - began
        if stop.is_set() or elapsed_s > 60 * minutes:
            return
        event_log.append(TOPIC_EVENTS, [message for message, _ in pieces])
        sent.seconds += 1
        sent.messages += len(pieces)
        sent.records += sum(records for _, records in pieces)
        if elapsed_s >= due_s:
            due_s += SAMPLE_S
            yield elapsed_s
        stop.wait(max(0.0, began + sent.seconds - time.monotonic()))


def soak_seconds(seed: int) -> Iterator[list[tuple[Message, int]]]:
    """Messages of each real second, each with its records: twenty seconds of event time, for ever.

    Late events lie before what was sent long ago, but within the lateness: windows are revised.
    """
    rng = np.random.default_rng(seed)
    per_second = EVENTS_PER_S * SPEED
    table = traffic(per_second, seed)
    start_us = int(datetime.now(UTC).timestamp() * 1e6) - 86_400_000_000
    for second in count():
        times = start_us + np.sort(rng.integers(0, SPEED * 1_000_000, per_second))
        start_us += SPEED * 1_000_000
        late = rng.random(per_second) < LATE_SHARE
        times[late] -= LATE_BY_S * 1_000_000
        whole = [
            (message, ROWS_PER_MESSAGE) for message in arrow_messages(with_times(table, times))
        ]
        doubles = [piece for piece in whole if rng.random() < DOUBLE_SHARE]
        broken = [b'{"time": "%d", "serv' % second] * round(per_second * BROKEN_SHARE)
        lines = Message(b"\n".join(broken), {CONTENT_TYPE: NDJSON})
        yield [*whole, *doubles, (lines, len(broken))]


class _Scorer:
    """A scorer in a process of its own, perhaps with workers."""

    def __init__(self, process: "subprocess.Popen[bytes]", log_path: Path) -> None:
        self._process = process
        self._log_path = log_path
        self._family = psutil.Process(process.pid)

    def check(self) -> None:
        """Raises DependencyError when it has ended."""
        if self._process.poll() is not None:
            tail = self._log_path.read_text(errors="replace").strip()[-500:]
            raise DependencyError(f"the scorer ended with {self._process.returncode}: {tail}")

    def memory_mb(self) -> float:
        """Resident, with its workers'."""
        total = 0
        for process in (self._family, *self._family.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total / 1e6


@contextmanager
def _running(arguments: Sequence[str], settings: Settings) -> Iterator[_Scorer]:
    vigil = str(Path(sys.executable).parent / "vigil")
    environment = os.environ | service_environment(settings)
    log_path = settings.home / "scorer.log"
    with log_path.open("wb") as output:
        # In a session of its own: Ctrl-C is for the benchmark, which lets it read to the end.
        process = subprocess.Popen(
            [vigil, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, start_new_session=True,
        )  # fmt: skip
        try:
            yield _Scorer(process, log_path)
        finally:
            process.terminate()
            process.wait(60)


def _caught_up(store: CheckpointStore, records: int) -> Mapping[str, int]:
    """The scorer's counters once it has read so many records, or after a minute."""
    deadline = time.monotonic() + CATCH_UP_S
    position: Checkpoint | None = store.position()
    while (position is None or position.counters["read"] < records) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.2)
        position = store.position()
    return position.counters if position else {}


def _summary(
    sent: Sent, readings: Sequence[Reading], counters: Mapping[str, int]
) -> dict[str, Any]:
    if len(readings) < 8:
        raise VigilError("a soak must last long enough for eight readings, five seconds each")
    quarter = len(readings) // 4
    second, last = readings[quarter : 2 * quarter], readings[-quarter:]

    def middle(of: Callable[[Reading], float]) -> tuple[float, float]:
        return median(map(of, second)), median(map(of, last))

    memory = middle(lambda reading: reading.memory_mb)
    lag = middle(lambda reading: reading.lag_messages)
    missing = sent.records - counters.get("read", 0)
    # A lag of what comes in a second is the time between two looks.
    spare = sent.messages / sent.seconds
    return {
        "minutes": round(sent.seconds / 60, 1),
        "replayed_hours": round(sent.seconds * SPEED / 3600, 1),
        "messages": sent.messages,
        "records": sent.records,
        "records_not_counted": missing,
        **{name: counters.get(name, 0) for name in ("dead", "late", "windows", "alerts")},
        "memory_mb_second_quarter": round(memory[0]),
        "memory_mb_last_quarter": round(memory[1]),
        "lag_messages_second_quarter": round(lag[0]),
        "lag_messages_last_quarter": round(lag[1]),
        "holds": memory[1] <= GROWTH * memory[0]
        and lag[1] <= GROWTH * lag[0] + spare
        and missing == 0,
        "readings": [
            [round(it.elapsed_s, 1), round(it.memory_mb, 1), it.lag_messages] for it in readings
        ],
    }
