"""The whole stream run over a sample in a folder of its own, with its cost measured.

Nothing is modelled here: the scorer is the real one in a process of its own, the database is the
embedded one. Nobody is told of anything, since the scratch settings have no policy and no channel.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import sqlalchemy as sa

from vigil.alerts.past import LedgerPast
from vigil.alerts.policy.schema import Policy
from vigil.alerts.replay import Replayed
from vigil.config import Settings, load_settings
from vigil.detect import OnlineDetector
from vigil.detect.rules import rules_with
from vigil.errors import DependencyError
from vigil.plan.tables import TableCost, table_costs
from vigil.plan.warmup import SeriesWarmth, series_warmth
from vigil.services import service_environment
from vigil.stores import open_log
from vigil.stores.checkpoint import CONSUMER, Checkpoint, CheckpointStore
from vigil.stores.database import open_database
from vigil.stores.log import EventLog
from vigil.stores.timescale import WindowStore
from vigil.stream.analysis import TOPICS
from vigil.stream.pipeline import Pipeline
from vigil.stream.state import State
from vigil.windows.tumbling import WindowSpec

POLL_S = 0.3
EMPTY_STEPS = 5
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the sample cost and brought.

    The span is event time, from the first window to the end of the last. `scorer_cpu_s` leaves the
    start of the process out. `state_bytes` is the checkpoint; `log_bytes` the messages as they lie
    in the event log. `step_cpu_s` is what a step of the scorer costs with nothing in it: live,
    there are some each second.
    """

    start_at: datetime
    end_at: datetime
    counters: dict[str, int]
    keys: int
    series: tuple[SeriesWarmth, ...]
    scorer_cpu_s: float
    database_cpu_s: float
    scorer_peak_mib: float
    step_cpu_s: float
    state_bytes: int
    log_bytes: int
    tables: dict[str, TableCost]
    replayed: Replayed

    @property
    def span_s(self) -> float:
        """Length of the sample, in seconds of event time."""
        return (self.end_at - self.start_at).total_seconds()


def scratch_settings(home: Path) -> Settings:
    """The settings in force, with embedded stores in `home` and nobody to tell."""
    return load_settings(
        home=home, log_url="", store_url="", sink_url="", policy="", webhook_url="",
        metrics_address="", kibana_url="",
    )  # fmt: skip


def rehearse(
    scratch: Settings,
    policy: Policy,
    fill: Callable[[EventLog], object],
    progress: Progress = lambda done, total: None,
) -> Rehearsal:
    """Fill the scratch log, score all of it, measure; the policy decides who would be paged.

    Raises InputError from `fill`, DependencyError where a part does not run or the sample makes no
    window.
    """
    engine = open_database(scratch)
    try:
        # A scorer is started once and runs for months: what its start takes is not the sample's.
        start_s, _ = _score(scratch, engine, {}, progress)
        with closing(open_log(scratch)) as event_log:
            fill(event_log)
            ends = {topic: event_log.end_offsets(topic) for topic in TOPICS}
        log_bytes = sum(path.stat().st_size for path in scratch.home.glob("log.sqlite*"))
        before_s = _database_cpu_s(scratch)
        cpu_s, peak_mib = _score(scratch, engine, ends, progress)
        cpu_s = max(cpu_s - start_s, 0.0)
        database_cpu_s = _database_cpu_s(scratch) - before_s
        return _measure(scratch, engine, policy, cpu_s, peak_mib, database_cpu_s, log_bytes)
    finally:
        engine.dispose()


def _score(
    scratch: Settings, engine: sa.Engine, ends: dict[str, dict[int, int]], progress: Progress
) -> tuple[float, float]:
    """(CPU seconds, peak MiB) of a scorer that reads the log to its end, start included."""
    total = sum(sum(partitions.values()) for partitions in ends.values())
    output = scratch.home / "scorer.log"
    checkpoints = CheckpointStore(engine, CONSUMER)
    with output.open("wb") as sink:
        child = subprocess.Popen(
            [str(Path(sys.executable).parent / "vigil"), "score", "--drain", "--quiet"],
            env=os.environ | service_environment(scratch),
            stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
        )  # fmt: skip
    try:
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            offsets = checkpoints.offsets()
            progress(sum(sum(partitions.values()) for partitions in offsets.values()), total)
            time.sleep(POLL_S)
    except BaseException:
        child.kill()
        child.wait()
        raise
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        tail = output.read_text(errors="replace").strip()[-500:]
        raise DependencyError(f"the rehearsal's scorer ended with {child.returncode}: {tail}")
    progress(total, total)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _database_cpu_s(scratch: Settings) -> float:
    """CPU seconds of the embedded server so far, those of its ended processes among them."""
    pid = int((scratch.home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    server = psutil.Process(pid)
    spent = sum(server.cpu_times()[:4])
    for process in server.children(recursive=True):
        try:
            spent += sum(process.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return float(spent)


def _measure(
    scratch: Settings, engine: sa.Engine, policy: Policy, cpu_s: float, peak_mib: float,
    database_cpu_s: float, log_bytes: int,
) -> Rehearsal:  # fmt: skip
    store = WindowStore(engine)
    checkpoint = CheckpointStore(engine, CONSUMER).load()
    span = _span(engine)
    if checkpoint is None or span is None:
        raise DependencyError("the sample makes no window: it has no usable record")
    start_at, end_at = span[0], span[1] + timedelta(seconds=scratch.window_s)
    warmth = series_warmth(
        store, start_at, end_at, scratch.window_s,
        rules_with(scratch.gates)["latency"].least_traffic,
    )  # fmt: skip
    (replayed,) = LedgerPast(engine, scratch.window_s).replay([policy], start_at, end_at)
    return Rehearsal(
        start_at, end_at, checkpoint.counters, store.series()["key_id"].n_unique(), warmth,
        cpu_s, database_cpu_s, peak_mib, _step_cpu_s(scratch, checkpoint),
        sum(map(len, checkpoint.state.values())),
        log_bytes,
        table_costs(engine), replayed,
    )  # fmt: skip


def _step_cpu_s(scratch: Settings, checkpoint: Checkpoint) -> float:
    """CPU seconds of taking a step and packing the state, with the series of the sample known."""
    spec = WindowSpec(scratch.window_s, scratch.out_of_order_s, scratch.lateness_s)
    pipeline = Pipeline(spec, scratch.limits, OnlineDetector())
    pipeline.restore(State.of(checkpoint.state), checkpoint.counters)
    began = time.process_time()
    for _ in range(EMPTY_STEPS):
        pipeline.step({}, checkpoint.committed_at or datetime.now(UTC))
        for part in pipeline.state().parts().values():
            part.content()
    return (time.process_time() - began) / EMPTY_STEPS


def _span(engine: sa.Engine) -> tuple[datetime, datetime] | None:
    query = sa.text(
        "SELECT min(a), max(b) FROM ("
        "SELECT min(window_start) a, max(window_start) b FROM request_windows UNION ALL"
        " SELECT min(window_start), max(window_start) FROM metric_windows) both_kinds"
    )
    with engine.connect() as connection:
        first, last = connection.execute(query).one()
    return None if first is None else (first, last)
