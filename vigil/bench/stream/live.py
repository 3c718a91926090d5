"""The stream under live load: what the machine carries, and how late results are at half of it."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median, quantiles
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vigil.bench.stream.load import traffic, with_times
from vigil.config import Settings
from vigil.errors import VigilError
from vigil.events.schema import EVENTS, TOPIC_EVENTS
from vigil.incidents.rules import SEVERITIES, IncidentRules
from vigil.stores import open_log
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.checkpoint import Checkpoint, CheckpointStore, Outputs, Part
from vigil.stores.log import EventLog
from vigil.stream.assembly import open_scorer

# Short windows: more of them to measure in the same time.
WINDOW_S, GRACE_S = 1, 1
TICK_S = 0.02
# What is sent together where no rate is asked.
AT_ONCE = 50_000
# A process that has just begun still loads and compiles: its first windows are not counted.
BEGIN_S = 5
# The detector warms up in 30 windows; then one service fails now and then, which gives alerts:
# minutes of patience become seconds, as windows of ten seconds become one.
FAILS_FROM_S, FAILS_EVERY_S, FAILS_FOR_S = 35, 16, 8
FAILING = "inventory"
RULES = IncidentRules(
    confirm_s=dict.fromkeys(SEVERITIES, 2.0), at_once_s=1.0, clear_s=2.0, clear_windows=2
)


class _Clocked(CheckpointStore):
    """Notes how long after their window's end and grace results were committed, and how many
    events have been.
    """

    counts_from: datetime
    windows_s: list[float]
    alerts_s: list[float]
    accepted: int

    def commit(
        self, checkpoint: Checkpoint, outputs: Outputs, state: Mapping[str, Part] | None = None
    ) -> None:
        super().commit(checkpoint, outputs, state)
        now = datetime.now(UTC)
        self.accepted = checkpoint.counters["accepted"]
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

    Events come as Arrow batches, stamped with the time at which they are sent, from a process of
    their own as in life: in this one they would wait for the scorer's threads and these for them.
    The first seconds are not counted.
    """
    clocked, sent, _ = _score_live(settings, events_per_s, duration_s, seed)
    return {
        "asked_events_per_s": round(events_per_s),
        "sent_events_per_s": round(sent / duration_s),
        "windows": len(clocked.windows_s),
        **_spread_ms("windows", clocked.windows_s),
        "alerts": len(clocked.alerts_s),
        **_spread_ms("alerts", clocked.alerts_s),
    }


def carried_rate(settings: Settings, duration_s: int, seed: int) -> float:
    """Events a second that are sent, kept by the log and scored at the same time, when as many are
    sent as can be: what the machine carries with all that belongs to it.
    """
    _, sent, took_s = _score_live(settings, None, duration_s, seed)
    return sent / took_s


def _score_live(
    settings: Settings, events_per_s: float | None, duration_s: int, seed: int
) -> tuple[_Clocked, int, float]:
    """(what was noted, events sent, seconds from the first to the commit of the last)."""
    settings = settings.model_copy(
        update={"window_s": WINDOW_S, "out_of_order_s": GRACE_S, "lateness_s": 10}
    )
    stop = threading.Event()
    with (
        _sending(settings, events_per_s, duration_s, seed) as send,
        open_scorer(settings, "bench", None) as scorer,
    ):
        clocked = _Clocked(scorer.checkpoints.engine, "bench")
        clocked.counts_from = datetime.now(UTC) + timedelta(seconds=BEGIN_S)
        clocked.windows_s, clocked.alerts_s, clocked.accepted = [], [], 0
        scorer.checkpoints = clocked
        for tracker in scorer.pipeline.trackers.values():
            tracker.rules = RULES
        running = threading.Thread(target=scorer.run, args=(stop,), name="scorer")
        running.start()
        began = time.monotonic()
        sent = send()
        while clocked.accepted < sent and running.is_alive():
            time.sleep(TICK_S)
        took_s = time.monotonic() - began
        time.sleep(WINDOW_S + GRACE_S + 1)
        stop.set()
        running.join()
    if clocked.accepted != sent:
        raise VigilError(f"{clocked.accepted} of {sent} events were scored")
    return clocked, sent, took_s


def _spread_ms(name: str, seconds: list[float]) -> dict[str, int]:
    if len(seconds) < 2:
        return {}
    return {
        f"{name}_p50_ms": round(1e3 * median(seconds)),
        f"{name}_p99_ms": round(1e3 * quantiles(seconds, n=100, method="inclusive")[98]),
    }


@contextmanager
def _sending(
    settings: Settings, events_per_s: float | None, duration_s: int, seed: int
) -> Iterator[Callable[[], int]]:
    """A process that is ready to send; the call begins, and returns how many were sent."""
    spawning = get_context("spawn")
    ours, theirs = spawning.Pipe()
    arguments = theirs, settings, events_per_s, duration_s, seed
    process = spawning.Process(target=_send_when_told, args=arguments, daemon=True)
    process.start()
    theirs.close()

    def send() -> int:
        ours.send(None)
        return int(ours.recv())

    try:
        ours.recv()
        yield send
    except EOFError as error:
        raise VigilError("the process that sends live events has ended") from error
    finally:
        process.terminate()
        process.join()


def _send_when_told(
    told: Connection, settings: Settings, events_per_s: float | None, duration_s: int, seed: int
) -> None:
    table = traffic(max(20_000, int(events_per_s or AT_ONCE)), seed)
    with closing(open_log(settings)) as event_log:
        event_log.create_topic(TOPIC_EVENTS)
        told.send(None)
        told.recv()
        told.send(_send(event_log, table, events_per_s, duration_s))


def _send(event_log: EventLog, table: pa.Table, events_per_s: float | None, duration_s: int) -> int:
    """Send at that rate in small batches, or as fast as can be; returns how many."""
    began = time.time()
    sent, at = 0, 0
    while (elapsed_s := time.time() - began) < duration_s:
        due = AT_ONCE if events_per_s is None else int(elapsed_s * events_per_s) - sent
        if due <= 0:
            time.sleep(TICK_S)
            continue
        rows = table.slice(at, due)
        at = 0 if at + due >= table.num_rows else at + due
        now_us = int(time.time() * 1e6)
        times = np.linspace(now_us - TICK_S * 1e6, now_us, rows.num_rows).astype(np.int64)
        rows = with_times(rows, times)
        since_s = elapsed_s - FAILS_FROM_S
        if since_s >= 0 and since_s % FAILS_EVERY_S < FAILS_FOR_S:
            rows = _with_failures(rows)
        event_log.append(TOPIC_EVENTS, arrow_messages(rows))
        sent += rows.num_rows
        if events_per_s is not None:
            time.sleep(TICK_S)
    return sent


def _with_failures(rows: pa.Table) -> pa.Table:
    failing = pc.equal(rows["service"], FAILING)
    status = pc.if_else(failing, pa.scalar(500, pa.int32()), rows["status"])
    return rows.set_column(EVENTS.get_field_index("status"), EVENTS.field("status"), status)
