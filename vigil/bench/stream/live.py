"""The stream under live load: how late its results are, and whether it stays as it is for hours."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc

from vigil.bench.stream.load import traffic
from vigil.config import Settings
from vigil.errors import VigilError
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.schema import EVENTS, TOPIC_EVENTS
from vigil.incidents.rules import SEVERITIES, IncidentRules
from vigil.services import service_environment
from vigil.stores import open_log
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.checkpoint import CONSUMER, Checkpoint, CheckpointStore, Outputs, Part
from vigil.stores.database import open_database
from vigil.stores.log import EventLog, Message, lag_messages
from vigil.stream.assembly import open_scorer

# Short windows: more of them to measure in the same time.
WINDOW_S, GRACE_S = 1, 1
TICK_S = 0.05
# A process that has just begun still loads and compiles: its first windows are not counted.
BEGIN_S = 5
# The detector warms up in 30 windows; then one service fails now and then, which gives alerts:
# minutes of patience become seconds, as windows of ten seconds become one.
FAILS_FROM_S, FAILS_EVERY_S, FAILS_FOR_S = 35, 16, 8
FAILING = "inventory"
RULES = IncidentRules(
    confirm_s=dict.fromkeys(SEVERITIES, 2.0), at_once_s=1.0, clear_s=2.0, clear_windows=2
)

SOAK_SPEED = 20
SOAK_EVENTS_PER_S = 2_000.0
LATE_SHARE, DOUBLE_SHARE, BROKEN_SHARE = 0.05, 0.01, 0.001
LATE_BY_S = 40
SAMPLE_S = 5.0
# What counts as flat: memory may wander by a tenth.
GROWTH = 1.1


class _Clocked(CheckpointStore):
    """Notes how long after their window's end and grace results were committed."""

    counts_from: datetime
    windows_s: list[float]
    alerts_s: list[float]

    def commit(
        self, checkpoint: Checkpoint, outputs: Outputs, state: Mapping[str, Part] | None = None
    ) -> None:
        super().commit(checkpoint, outputs, state)
        now = datetime.now(UTC)
        due_after = timedelta(seconds=WINDOW_S + GRACE_S)
        first = outputs.request_windows.filter(revision=0)
        begun = [start for start in first["window_start"].unique() if start >= self.counts_from]
        self.windows_s += [(now - start - due_after).total_seconds() for start in begun]
        at = [datetime.fromisoformat(alert["at"]) for alert in outputs.alerts]
        self.alerts_s += [(now - start - due_after).total_seconds() for start in at]


def measure_latency(
    settings: Settings, events_per_s: float, duration_s: int, seed: int
) -> dict[str, Any]:
    """Seconds from a window's end and grace to the commit of its scores, and of its alerts.

    Events come as Arrow batches, stamped with the time at which they are sent. The first seconds
    are not counted.
    """
    settings = settings.model_copy(
        update={"window_s": WINDOW_S, "out_of_order_s": GRACE_S, "lateness_s": 10}
    )
    stop = threading.Event()
    with closing(open_log(settings)) as event_log, open_scorer(settings, "bench", None) as scorer:
        clocked = _Clocked(scorer.checkpoints.engine, "bench")
        clocked.counts_from = datetime.now(UTC) + timedelta(seconds=BEGIN_S)
        clocked.windows_s, clocked.alerts_s = [], []
        scorer.checkpoints = clocked
        for tracker in scorer.pipeline.trackers.values():
            tracker.rules = RULES
        running = threading.Thread(target=scorer.run, args=(stop,), name="scorer")
        running.start()
        sent = _send_live(event_log, events_per_s, duration_s, seed)
        time.sleep(WINDOW_S + GRACE_S + 1)
        stop.set()
        running.join()
    return {
        "asked_events_per_s": round(events_per_s),
        "sent_events_per_s": round(sent / duration_s),
        "windows": len(clocked.windows_s),
        **_spread_ms("windows", clocked.windows_s),
        "alerts": len(clocked.alerts_s),
        **_spread_ms("alerts", clocked.alerts_s),
    }


def _spread_ms(name: str, seconds: list[float]) -> dict[str, int]:
    if len(seconds) < 2:
        return {}
    return {
        f"{name}_p50_ms": round(1e3 * median(seconds)),
        f"{name}_p99_ms": round(1e3 * quantiles(seconds, n=100, method="inclusive")[98]),
    }


def _send_live(event_log: EventLog, events_per_s: float, duration_s: int, seed: int) -> int:
    """Send at that rate, in small batches; returns how many."""
    table = traffic(max(20_000, int(events_per_s)), seed)
    began = time.time()
    sent, at = 0, 0
    while (elapsed_s := time.time() - began) < duration_s:
        due = int(elapsed_s * events_per_s) - sent
        if due <= 0:
            time.sleep(TICK_S)
            continue
        rows = table.slice(at, due)
        at = 0 if at + due >= table.num_rows else at + due
        now_us = int(time.time() * 1e6)
        times = np.linspace(now_us - TICK_S * 1e6, now_us, rows.num_rows).astype(np.int64)
        rows = _with_times(rows, times)
        since_s = elapsed_s - FAILS_FROM_S
        if since_s >= 0 and since_s % FAILS_EVERY_S < FAILS_FOR_S:
            rows = _with_failures(rows)
        event_log.append(TOPIC_EVENTS, arrow_messages(rows))
        sent += rows.num_rows
        time.sleep(TICK_S)
    return sent


def _with_times(rows: pa.Table, times_us: np.ndarray) -> pa.Table:
    column = pa.array(times_us, pa.int64()).cast(EVENTS.field("time").type)
    return rows.set_column(0, EVENTS.field("time"), column)


def _with_failures(rows: pa.Table) -> pa.Table:
    failing = pc.equal(rows["service"], FAILING)
    status = pc.if_else(failing, pa.scalar(500, pa.int32()), rows["status"])
    return rows.set_column(EVENTS.get_field_index("status"), EVENTS.field("status"), status)


def soak(settings: Settings, minutes: float, seed: int) -> dict[str, Any]:
    """Replay twenty times as fast as time, with late, doubled and broken events.

    `holds`: neither the scorer's memory nor its lag is larger in the last quarter than in the
    second one, with a tenth to spare.
    """
    environment = os.environ | service_environment(settings)
    vigil = Path(sys.executable).parent / "vigil"
    samples: list[tuple[float, float, int]] = []
    with closing(open_log(settings)) as event_log, _running([str(vigil), "score", "--quiet"],
                                                            environment) as scorer:  # fmt: skip
        store = CheckpointStore(open_database(settings), CONSUMER)
        memory = psutil.Process(scorer.pid)
        began, due_s, sent = time.monotonic(), 0.0, 0
        for second, messages in zip(count(), _soak_seconds(seed), strict=False):
            if time.monotonic() - began > 60 * minutes:
                break
            event_log.append(TOPIC_EVENTS, messages)
            sent += len(messages)
            if time.monotonic() - began >= due_s:
                due_s += SAMPLE_S
                lag = lag_messages(event_log, store.offsets(), [TOPIC_EVENTS])
                elapsed_s = time.monotonic() - began
                samples.append((elapsed_s, memory.memory_info().rss / 1e6, sum(lag.values())))
            time.sleep(max(0.0, began + second + 1 - time.monotonic()))
        checkpoint = store.position()
    counters = checkpoint.counters if checkpoint else {}
    return _soak_summary(minutes, sent, samples, counters)


def _soak_summary(
    minutes: float, sent: int, samples: list[tuple[float, float, int]], counters: dict[str, int]
) -> dict[str, Any]:
    if len(samples) < 8:
        raise VigilError("a soak must last long enough for eight samples, five seconds each")
    quarter = len(samples) // 4
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]
    memory = [median(mb for _, mb, _ in part) for part in (second, last)]
    lag = [median(behind for _, _, behind in part) for part in (second, last)]
    return {
        "minutes": minutes,
        "replayed_hours": round(minutes * SOAK_SPEED / 60, 1),
        "messages": sent,
        **{name: counters.get(name, 0) for name in ("read", "dead", "late", "windows", "alerts")},
        "memory_mb_second_quarter": round(memory[0]),
        "memory_mb_last_quarter": round(memory[1]),
        "lag_messages_second_quarter": round(lag[0]),
        "lag_messages_last_quarter": round(lag[1]),
        # A lag of what comes in a second is the time between two looks.
        "holds": memory[1] <= GROWTH * memory[0]
        and lag[1] <= GROWTH * lag[0] + sent / 60 / minutes,
    }


def _soak_seconds(seed: int) -> Iterator[list[Message]]:
    """Messages of each real second: twenty seconds of event time, over and over."""
    rng = np.random.default_rng(seed)
    per_second = int(SOAK_EVENTS_PER_S * SOAK_SPEED)
    table = traffic(per_second, seed)
    start_us = int(datetime.now(UTC).timestamp() * 1e6) - 86_400_000_000
    for second in count():
        times = start_us + np.sort(rng.integers(0, SOAK_SPEED * 1_000_000, per_second))
        start_us += SOAK_SPEED * 1_000_000
        late = rng.random(per_second) < LATE_SHARE
        times[late] -= LATE_BY_S * 1_000_000
        messages = arrow_messages(_with_times(table, times))
        doubles = [m for m in messages if rng.random() < DOUBLE_SHARE]
        broken = [b'{"time": "%d", "serv' % second] * round(per_second * BROKEN_SHARE)
        yield [*messages, *doubles, Message(b"\n".join(broken), {CONTENT_TYPE: NDJSON})]


@contextmanager
def _running(
    command: list[str], environment: dict[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)
