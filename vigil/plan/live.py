"""What a live scorer costs: a process of its own that is given windows as they would come.

Catching up takes hours of traffic in one step; live, there are many steps with little in each. Both
are measured, since neither says what the other costs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from vigil.config import Settings
from vigil.errors import DependencyError
from vigil.services import service_environment
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.checkpoint import CONSUMER, CheckpointStore
from vigil.stores.log import EventLog

# Enough for the clock of CPU time, which ticks a hundred times a second.
WINDOWS, SINGLES = 16, 24
POLL_S = 0.005
PATIENCE_S = 120.0
# Replayed traffic lies later than the sample's, and may lie ahead of the clock.
FUTURE_S = 10 * 365 * 86_400
# The last window's records are looked for in so many messages of a partition.
MESSAGES_BACK = 64

Window = Mapping[str, pa.Table]


@dataclass(frozen=True, slots=True)
class LiveCost:
    """mib: resident memory at its peak. CPU seconds of scorer and database: of a `step` that takes
    a single record, and what comes on top when a `window` ends.
    """

    mib: float
    step_cpu_s: float
    window_cpu_s: float
    database_step_cpu_s: float
    database_window_cpu_s: float


class ScorerProcess(AbstractContextManager["ScorerProcess"]):
    """A scorer that runs, with what it has cost so far."""

    def __init__(self, settings: Settings, *options: str) -> None:
        self._settings = settings
        self._command = [str(Path(sys.executable).parent / "vigil"), "score", "--quiet", *options]
        self._output = settings.home / "scorer.log"
        self._sink: IO[bytes] | None = None
        self.peak_mib = 0.0
        self.cpu_s = 0.0

    def __enter__(self) -> Self:
        self._sink = self._output.open("wb")
        self._child = subprocess.Popen(
            self._command,
            env=os.environ | service_environment(self._settings),
            stdin=subprocess.DEVNULL, stdout=self._sink, stderr=self._sink,
        )  # fmt: skip
        self._process = psutil.Process(self._child.pid)
        return self

    def __exit__(self, *_: object) -> None:
        if self._child.returncode is None:
            self._child.terminate()
            self._wait(0)
        assert self._sink is not None
        self._sink.close()

    def has_ended(self) -> bool:
        """Whether it is done; raises DependencyError where it failed."""
        if self._child.returncode is None:
            self._wait(os.WNOHANG)
        if self._child.returncode:
            tail = self._output.read_text(errors="replace").strip()[-500:]
            raise DependencyError(
                f"the rehearsal's scorer ended with {self._child.returncode}: {tail}"
            )
        return self._child.returncode is not None

    def spent_s(self) -> float:
        """CPU seconds so far, start included."""
        return float(sum(self._process.cpu_times()[:2]))

    def _wait(self, flags: int) -> None:
        pid, status, usage = os.wait4(self._child.pid, flags)
        if pid:
            self._child.returncode = os.waitstatus_to_exitcode(status)
            self.peak_mib = usage.ru_maxrss / 1024
            self.cpu_s = usage.ru_utime + usage.ru_stime


class LiveFeed:
    """Gives a running scorer records, and waits until it has committed them."""

    def __init__(self, engine: sa.Engine, event_log: EventLog, scorer: ScorerProcess) -> None:
        self._checkpoints = CheckpointStore(engine, CONSUMER)
        self._log = event_log
        self._scorer = scorer

    def steps(self) -> int:
        """How many steps there were: what is appended at once may still be read in two."""
        checkpoint = self._checkpoints.load(only=())
        return checkpoint.epoch if checkpoint else 0

    def give(self, records: Window) -> None:
        """Append, and wait for the commit; raises DependencyError where there is none."""
        for topic, table in records.items():
            self._log.append(topic, arrow_messages(table))
        wanted = {topic: self._log.end_offsets(topic) for topic in records}
        until = time.monotonic() + PATIENCE_S
        while not self._taken(wanted):
            if self._scorer.has_ended() or time.monotonic() > until:
                raise DependencyError("the rehearsal's scorer takes nothing any more")
            time.sleep(POLL_S)

    def _taken(self, wanted: Mapping[str, Mapping[int, int]]) -> bool:
        reached = self._checkpoints.offsets()
        return all(
            reached.get(topic, {}).get(partition, 0) >= end
            for topic, ends in wanted.items()
            for partition, end in ends.items()
        )


def measure_live(
    settings: Settings, engine: sa.Engine, event_log: EventLog, window: Window, end_at: datetime
) -> tuple[LiveCost, float]:
    """(the cost, CPU seconds until a scorer is under way): gives it the window that follows the
    sample's end at `end_at`, again and again as if time went on, then single records of one window.

    The scorer goes on from the sample's last checkpoint, so it knows all of its series.
    """
    length = timedelta(seconds=settings.window_s)
    settings = settings.model_copy(update={"future_s": FUTURE_S})
    with ScorerProcess(settings) as scorer:
        feed = LiveFeed(engine, event_log, scorer)
        # The first ones load what is loaded once.
        for number in range(2):
            feed.give(shifted(window, length * number))
        spent = [_spent(settings, scorer, feed)]
        for number in range(WINDOWS):
            feed.give(shifted(window, length * (number + 2)))
        spent.append(_spent(settings, scorer, feed))
        last_at = end_at + length * (WINDOWS + 2)
        for record in _singles(window, last_at, SINGLES):
            feed.give(record)
        spent.append(_spent(settings, scorer, feed))
    (steps, *by_windows), (single_steps, *by_singles) = np.diff(spent, axis=0)
    a_step = np.array(by_singles) / single_steps
    a_window = np.maximum(np.array(by_windows) - steps * a_step, 0.0) / WINDOWS
    cost = LiveCost(
        mib=scorer.peak_mib,
        step_cpu_s=float(a_step[0]),
        window_cpu_s=float(a_window[0]),
        database_step_cpu_s=float(a_step[1]),
        database_window_cpu_s=float(a_window[1]),
    )
    return cost, spent[0][1]


def _spent(settings: Settings, scorer: ScorerProcess, feed: LiveFeed) -> tuple[int, float, float]:
    """(steps, CPU seconds of the scorer, of the database) so far."""
    return feed.steps(), scorer.spent_s(), database_cpu_s(settings)


def database_cpu_s(settings: Settings) -> float:
    """CPU seconds of the embedded server so far, those of its ended processes among them."""
    pid = int((settings.home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    server = psutil.Process(pid)
    spent = sum(server.cpu_times()[:4])
    for process in server.children(recursive=True):
        try:
            spent += sum(process.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return float(spent)


def next_window(
    event_log: EventLog, topics: Sequence[str], end_at: datetime, window_s: int
) -> dict[str, pa.Table]:
    """A window of records to come, by topic: those of one of the sample's last two windows, the one
    with more, moved to the window that begins at `end_at`; topics without any are left out.

    At most the last messages of each partition are looked at.
    """
    tables = {topic: table for topic in topics if (table := _last(event_log, topic)) is not None}
    length = timedelta(seconds=window_s)
    windows = [
        (end_at - begin_at, {topic: _between(table, begin_at, begin_at + length)
                             for topic, table in tables.items()})
        for begin_at in (end_at - length, end_at - 2 * length)
    ]  # fmt: skip
    by, found = max(windows, key=lambda window: sum(map(len, window[1].values())))
    return shifted({topic: table for topic, table in found.items() if len(table)}, by)


def _between(table: pa.Table, begin_at: datetime, before_at: datetime) -> pa.Table:
    begin, before = (pa.scalar(at, pa.timestamp("us", "UTC")) for at in (begin_at, before_at))
    inside = pc.and_(pc.greater_equal(table["time"], begin), pc.less(table["time"], before))
    return table.filter(inside)


def _last(event_log: EventLog, topic: str) -> pa.Table | None:
    tables = []
    for partition, end in event_log.end_offsets(topic).items():
        first = max(0, end - MESSAGES_BACK)
        messages = event_log.read(topic, partition, first, MESSAGES_BACK)
        tables += [pa.ipc.open_stream(value).read_all() for value in messages.values]
    return pa.concat_tables(tables) if tables else None


def shifted(window: Window, by: timedelta) -> dict[str, pa.Table]:
    """The same records so much later."""
    return {topic: _with_time(table, pc.add(table["time"], by)) for topic, table in window.items()}


def _singles(window: Window, at: datetime, count: int) -> list[dict[str, pa.Table]]:
    """Single records of the topic with the most, all at one instant."""
    topic, table = max(window.items(), key=lambda item: item[1].num_rows)
    rows = [table.slice(number % table.num_rows, 1) for number in range(count)]
    moment: Any = pa.array([at], table.schema.field("time").type)
    return [{topic: _with_time(row, moment)} for row in rows]


def _with_time(table: pa.Table, time: Any) -> pa.Table:
    place = table.schema.get_field_index("time")
    return table.set_column(place, table.schema.field("time"), time)
