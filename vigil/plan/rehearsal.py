"""The whole stream run over a sample in a folder of its own, with its cost measured.

Nothing is modelled here: the scorer is the real one in a process of its own, the database is the
embedded one. Nobody is told of anything, since the scratch settings have no policy and no channel.
First the scorer catches up with the whole sample, then it is fed as live traffic would come.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from vigil.alerts.past import LedgerPast
from vigil.alerts.policy.schema import Policy
from vigil.alerts.replay import Replayed
from vigil.config import Settings, load_settings
from vigil.detect.rules import rules_with
from vigil.errors import DependencyError
from vigil.plan.folding import folding_cpu_s
from vigil.plan.live import LiveCost, ScorerProcess, database_cpu_s, measure_live, next_window
from vigil.plan.tables import TableCost, table_costs
from vigil.plan.warmup import SeriesWarmth, series_warmth
from vigil.stores import open_log
from vigil.stores.checkpoint import CONSUMER, CheckpointStore
from vigil.stores.database import open_database
from vigil.stores.embedded_postgres import leave_postgres
from vigil.stores.log import EventLog
from vigil.stores.timescale import WindowStore
from vigil.stream.analysis import TOPICS
from vigil.windows.tumbling import WindowSpec

POLL_S = 0.3
HOUR = timedelta(hours=1)
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the sample cost and brought.

    The span is event time, from the first window to the end of the last. `scorer_cpu_s` and
    `database_cpu_s` are those of catching up with all of it, the start of the process left out;
    `catch_up_mib` is the scorer's resident memory then, at its peak; `folding_cpu_s` what workers
    would take of it. `busiest`: records of the busiest hour by those of the mean one. `live`: what
    steps and windows cost as they come. `state_bytes` is the checkpoint; `log_bytes` the messages
    as they lie in the event log.
    """

    start_at: datetime
    end_at: datetime
    counters: dict[str, int]
    keys: int
    series: tuple[SeriesWarmth, ...]
    scorer_cpu_s: float
    database_cpu_s: float
    folding_cpu_s: float
    busiest: float
    catch_up_mib: float
    live: LiveCost
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
        home=home, log_url="", store_url="", state_url="", sink_url="", policy="", webhook_url="",
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
        with closing(open_log(scratch)) as event_log:
            fill(event_log)
            log_bytes = sum(path.stat().st_size for path in scratch.home.glob("log.sqlite*"))
            before_s = database_cpu_s(scratch)
            cpu_s, peak_mib = catch_up(scratch, engine, event_log, progress)
            database_s = database_cpu_s(scratch) - before_s
            found = _measure(scratch, engine, policy)
            spec = WindowSpec(scratch.window_s, scratch.out_of_order_s, scratch.lateness_s)
            folding_s = folding_cpu_s(event_log, spec, scratch.limits)
            # Last, since it leaves windows of its own in the database.
            window = next_window(event_log, TOPICS, found["end_at"], scratch.window_s)
            live, start_s = measure_live(scratch, engine, event_log, window, found["end_at"])
        return Rehearsal(
            **found, scorer_cpu_s=max(cpu_s - start_s, 0.0), database_cpu_s=database_s,
            folding_cpu_s=folding_s, catch_up_mib=peak_mib, live=live, log_bytes=log_bytes,
        )  # fmt: skip
    finally:
        engine.dispose()
        # Whoever made the folder removes it, and the server's files with it.
        leave_postgres(scratch.home / "postgres")


def catch_up(
    settings: Settings, engine: sa.Engine, event_log: EventLog, progress: Progress
) -> tuple[float, float]:
    """(CPU seconds, peak MiB) of a scorer that reads the log to its end, start included."""
    ends = [event_log.end_offsets(topic) for topic in TOPICS]
    total = sum(sum(partitions.values()) for partitions in ends)
    checkpoints = CheckpointStore(engine, CONSUMER)
    with ScorerProcess(settings, "--drain") as scorer:
        while not scorer.has_ended():
            offsets = checkpoints.offsets()
            progress(sum(sum(partitions.values()) for partitions in offsets.values()), total)
            time.sleep(POLL_S)
    progress(total, total)
    return scorer.cpu_s, scorer.peak_mib


def _measure(scratch: Settings, engine: sa.Engine, policy: Policy) -> dict[str, Any]:
    """What the sample left in the database, as fields of a rehearsal."""
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
    return {
        "start_at": start_at,
        "end_at": end_at,
        "counters": checkpoint.counters,
        "busiest": _busiest(engine, start_at, (end_at - start_at) / HOUR),
        "keys": store.series()["key_id"].n_unique(),
        "series": warmth,
        "state_bytes": sum(map(len, checkpoint.state.values())),
        "tables": table_costs(engine),
        "replayed": replayed,
    }


def _busiest(engine: sa.Engine, start_at: datetime, hours: float) -> float:
    """Records of the busiest hour by those of the mean one; 1 where there is no whole hour."""
    query = sa.text(
        "SELECT max(records), sum(records) FROM (SELECT sum(records) AS records FROM ("
        "SELECT window_start, requests AS records FROM request_windows UNION ALL"
        " SELECT window_start, points FROM metric_windows) both_kinds"
        " GROUP BY date_bin('1 hour', window_start, :start)) hourly"
    )
    with engine.connect() as connection:
        most, total = connection.execute(query, {"start": start_at}).one()
    return max(1.0, float(most / total) * hours) if total else 1.0


def _span(engine: sa.Engine) -> tuple[datetime, datetime] | None:
    query = sa.text(
        "SELECT min(a), max(b) FROM ("
        "SELECT min(window_start) a, max(window_start) b FROM request_windows UNION ALL"
        " SELECT min(window_start), max(window_start) FROM metric_windows) both_kinds"
    )
    with engine.connect() as connection:
        first, last = connection.execute(query).one()
    return None if first is None else (first, last)
