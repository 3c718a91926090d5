"""The stream under live load: how late its results are."""

import threading
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vigil.bench.stream.load import traffic, with_times
from vigil.config import Settings
from vigil.events.schema import EVENTS, TOPIC_EVENTS
from vigil.incidents.rules import SEVERITIES, IncidentRules
from vigil.stores import open_log
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.checkpoint import Checkpoint, CheckpointStore, Outputs, Part
from vigil.stores.log import EventLog
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
        rows = with_times(rows, times)
        since_s = elapsed_s - FAILS_FROM_S
        if since_s >= 0 and since_s % FAILS_EVERY_S < FAILS_FOR_S:
            rows = _with_failures(rows)
        event_log.append(TOPIC_EVENTS, arrow_messages(rows))
        sent += rows.num_rows
        time.sleep(TICK_S)
    return sent


def _with_failures(rows: pa.Table) -> pa.Table:
    failing = pc.equal(rows["service"], FAILING)
    status = pc.if_else(failing, pa.scalar(500, pa.int32()), rows["status"])
    return rows.set_column(EVENTS.get_field_index("status"), EVENTS.field("status"), status)
