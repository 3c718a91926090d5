"""A plan made from a sample holds, within a quarter, against what then happens in the estate."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy as sa

from vigil.alerts.policy.load import default_policy
from vigil.config import Settings
from vigil.events.schema import METRICS, TOPIC_EVENTS, TOPIC_METRICS
from vigil.plan.estimate import plan_of, scorer_cores
from vigil.plan.live import LiveFeed, ScorerProcess
from vigil.plan.rehearsal import catch_up, rehearse, scratch_settings
from vigil.simulate import SimulationPlan, chunk_count, plan_faults, simulate_chunk
from vigil.stores import open_log
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.database import open_database
from vigil.stores.embedded_postgres import leave_postgres
from vigil.stores.ledger import LedgerKeeper, LedgerSpec
from vigil.stores.timescale import WindowStore

START_AT = datetime(2026, 3, 3, tzinfo=UTC)
DAY = timedelta(days=1)
SAMPLE_DAYS, TRUE_DAYS = 1, 1
LIVE_MINUTES = 30
HOT_H = 4.0
# Services that send one metric, each of which is off for half an hour a day: enough incidents that
# their number says something.
SENDERS = 60
OFF_MINUTES = 30


def requests(first_day: int, days: int) -> SimulationPlan:
    """Days of the simulated estate, each with four faults of its own and with its own noise."""
    faults = [
        fault
        for day in range(first_day, first_day + days)
        for fault in plan_faults(5 + day, START_AT + day * DAY, START_AT + (day + 1) * DAY, 4)
    ]
    seconds = int(days * DAY.total_seconds())
    return SimulationPlan(START_AT + first_day * DAY, seconds, 0.3, 5 + first_day, tuple(faults))


def metrics(day: int) -> pa.Table:
    """A value a minute of each sender."""
    rng = np.random.default_rng([day, 3])
    minute, sender = np.arange(1440), np.arange(SENDERS)
    since = minute[:, None] - rng.integers(0, 1440 - OFF_MINUTES, SENDERS)[None, :]
    off = (since >= 0) & (since < OFF_MINUTES)
    value = 100 + rng.normal(0, 3, off.shape) + 60 * off
    at = START_AT + day * DAY
    frame = pl.DataFrame(
        {
            "time": pl.datetime_range(at, at + DAY, "1m", closed="left", eager=True)[
                np.repeat(minute, SENDERS)
            ],
            "environment": "cloud",
            "service": [f"sender-{number}" for number in np.tile(sender, 1440)],
            "metric": "queue_length",
            "value": value.ravel(),
        }
    )
    missing = [name for name in METRICS.names if name not in frame.columns]
    return (
        frame.with_columns(pl.lit(None).alias(name) for name in missing)
        .select(METRICS.names)
        .to_arrow()
        .cast(METRICS)
    )


def append(event_log, first_day: int, days: int) -> None:
    """All that comes on these days, hour by hour."""
    plan = requests(first_day, days)
    for index in range(chunk_count(plan)):
        event_log.append(TOPIC_EVENTS, arrow_messages(simulate_chunk(plan, index)))
    for day in range(first_day, first_day + days):
        event_log.append(TOPIC_METRICS, arrow_messages(metrics(day)))


def settings_in(folder) -> Settings:
    """Windows of a minute, as the estate is small."""
    return scratch_settings(folder).model_copy(update={"window_s": 60, "ledger_hot_h": HOT_H})


def work() -> float:
    """CPU seconds of a piece of work that is always the same."""
    rng = np.random.default_rng(0)
    began = time.process_time()
    for _ in range(2):
        frame = pl.DataFrame({"key": rng.integers(0, 500, 200_000), "value": rng.random(200_000)})
        frame.group_by("key").agg(pl.col("value").quantile(0.9)).sort("key")
    return time.process_time() - began


@contextmanager
def standard_work() -> Iterator[list[float]]:
    """What the standard work took whenever a live scorer had been given something: how fast the
    machine was just then, which changes within seconds.
    """
    took: list[float] = []
    give = LiveFeed.give

    def give_and_work(feed, records) -> None:
        give(feed, records)
        took.append(work())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LiveFeed, "give", give_and_work)
        yield took


@pytest.fixture(scope="module")
def found(server_home):
    """(settings, rehearsal of a day, seconds that the standard work took beside it)."""
    scratch = settings_in(server_home / "plan")
    with standard_work() as took:
        rehearsal = rehearse(
            scratch, default_policy(""), lambda event_log: append(event_log, 0, SAMPLE_DAYS)
        )
    return scratch, rehearsal, mean(took)


@dataclass(frozen=True)
class Truth:
    """What came: a day's outage made up for, then half an hour live."""

    engine: sa.Engine
    catch_up_mib: float
    live_mib: float
    live_steps: int
    live_cpu_s: float
    work_s: float


def live(settings, engine, event_log) -> tuple[float, int, float]:
    """(peak MiB, steps, CPU seconds) of a scorer that is given minute after minute."""
    day = SAMPLE_DAYS + TRUE_DAYS
    tables = {TOPIC_EVENTS: simulate_chunk(requests(day, 1), 0), TOPIC_METRICS: metrics(day)}
    minutes = {
        topic: table["time"].to_numpy().astype("datetime64[m]") for topic, table in tables.items()
    }
    begin = np.datetime64((START_AT + day * DAY).replace(tzinfo=None), "m")
    with ScorerProcess(settings) as scorer:
        feed = LiveFeed(engine, event_log, scorer)
        for number in range(LIVE_MINUTES + 2):
            if number == 2:
                began_steps, began_s = feed.steps(), scorer.spent_s()
            now = begin + np.timedelta64(number, "m")
            feed.give({t: table.filter(minutes[t] == now) for t, table in tables.items()})
        steps, cpu_s = feed.steps() - began_steps, scorer.spent_s() - began_s
    return scorer.peak_mib, steps, cpu_s


@pytest.fixture(scope="module")
def truth(server_home):
    """The day after the sample, in a system that was switched on without having seen it."""
    settings = settings_in(server_home / "truth")
    engine = open_database(settings)
    with closing(open_log(settings)) as event_log:
        append(event_log, SAMPLE_DAYS, TRUE_DAYS)
        _, catch_up_mib = catch_up(settings, engine, event_log, lambda done, total: None)
        LedgerKeeper(engine, LedgerSpec(HOT_H, 30)).tidy()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Packed at once instead of hour by hour: what they leave is not used again here.
            connection.execute(sa.text("VACUUM FULL scores"))
        with standard_work() as took:
            live_mib, steps, live_cpu_s = live(settings, engine, event_log)
    yield Truth(engine, catch_up_mib, live_mib, steps, live_cpu_s, mean(took))
    engine.dispose()
    leave_postgres(settings.home / "postgres")


def count(engine, query: str) -> float:
    """The only number that the query finds."""
    with engine.connect() as connection:
        return float(connection.execute(sa.text(query)).scalar_one())


def test_memory_is_as_planned(found, truth):
    """Live, and at its peak after a day's outage."""
    scratch, rehearsal, _ = found
    plan = plan_of(rehearsal, scratch, START_AT)
    assert plan.scorer_mib == pytest.approx(truth.live_mib, rel=0.25)
    assert plan.catch_up_mib == pytest.approx(truth.catch_up_mib, rel=0.25)


def test_cpu_is_as_planned(found, truth):
    """Half an hour minute by minute, both in units of work that is always the same."""
    scratch, rehearsal, work = found
    length_s = LIVE_MINUTES * 60
    planned_s = scorer_cores(rehearsal, scratch).at(truth.live_steps / length_s) * length_s
    assert planned_s / work == pytest.approx(truth.live_cpu_s / truth.work_s, rel=0.25)


def test_storage_is_as_planned(found, truth):
    """Rows and bytes of each large table, and of all together."""
    scratch, rehearsal, _ = found
    plan = plan_of(rehearsal, scratch, START_AT, days=TRUE_DAYS)
    planned = {part.part: part for part in plan.storage}
    windows = count(truth.engine, "SELECT count(*) FROM request_windows")
    assert planned["request_windows"].rows_a_day * TRUE_DAYS == pytest.approx(windows, rel=0.25)
    total = 0.0
    for part in set(planned) - {"flagged"}:
        size = count(truth.engine, f"SELECT pg_total_relation_size('{part}')") / (1 << 20)
        total += size
        if size > 1:
            mib = planned[part].mib + (planned["flagged"].mib if part == "scores" else 0)
            assert mib == pytest.approx(size, rel=0.25), part
    assert plan.database_mib == pytest.approx(total, rel=0.25)


def test_documents_come_as_planned(found, truth):
    """Decisions and calls of a day; alerts are too few to say."""
    scratch, rehearsal, _ = found
    planned = {part.part: part for part in plan_of(rehearsal, scratch, START_AT).documents}
    decisions = WindowStore(truth.engine).count_scores()
    assert planned["scores"].rows_a_day * TRUE_DAYS == pytest.approx(decisions, rel=0.25)
    calls = count(truth.engine, "SELECT count(*) FROM service_edges")
    assert planned["service_edges"].rows_a_day * TRUE_DAYS == pytest.approx(calls, rel=0.25)


def test_series_are_warm_when_the_plan_says_so(found, truth):
    """The middle series of each metric, within a quarter of the wait."""
    scratch, rehearsal, _ = found
    plan = plan_of(rehearsal, scratch, START_AT)
    begin_at = START_AT + SAMPLE_DAYS * DAY
    scores = WindowStore(truth.engine).scores(begin_at, begin_at + DAY)
    named = scores.join(WindowStore(truth.engine).series(), on="series_id")
    for group in plan.warm_up:
        own = named.filter((named["metric"] == group.metric) & (named["warming_up"] >= 1))
        warm_at = own.group_by("series_id").agg(pl.col("window_start").min())["window_start"].sort()
        waited = warm_at[len(warm_at) // 2] - begin_at
        assert (group.flags_from - START_AT) / waited == pytest.approx(1, abs=0.25)


def test_incidents_come_as_planned(found, truth):
    """The same kinds of trouble before and after, at other times and places."""
    scratch, rehearsal, _ = found
    alerts = plan_of(rehearsal, scratch, START_AT).alerts
    came = 7 / TRUE_DAYS * count(truth.engine, "SELECT count(*) FROM incidents")
    assert alerts.incidents_low < came < alerts.incidents_high
    assert alerts.incidents_a_week == pytest.approx(came, rel=0.25)


def test_the_busiest_hour_is_that_of_the_sample(found):
    """Counted here in the log itself."""
    scratch, rehearsal, _ = found
    with closing(open_log(scratch)) as event_log:
        tables = [
            pa.ipc.open_stream(value).read_all()["time"]
            for topic in (TOPIC_EVENTS, TOPIC_METRICS)
            for value in event_log.read(topic, 0, 0, 1_000_000, 1 << 30).values
        ]
    hours = pl.Series(np.concatenate([times.to_numpy() for times in tables])).dt.truncate("1h")
    # What the live scorer was given lies after the sample.
    counted = hours.filter(hours < (START_AT + DAY).replace(tzinfo=None)).value_counts()["count"]
    assert rehearsal.busiest == pytest.approx(counted.max() / counted.mean(), rel=0.05)
    assert rehearsal.busiest > 1.2


def test_workers_are_planned_where_the_busiest_hour_takes_more_than_a_core(found):
    """They take what their own code took of the sample, and are never wholly busy then; what is
    left has to fit into the scorer, or the plan says that it does not.
    """
    scratch, rehearsal, _ = found
    assert 0 < rehearsal.folding_cpu_s < rehearsal.scorer_cpu_s
    small = plan_of(rehearsal, scratch, START_AT)
    assert small.processes.one_process_cores < 1
    assert small.processes.workers == 0
    many = 5_000.0
    large = plan_of(rehearsal, scratch, START_AT, times=many)
    needed = large.processes
    folding = many * rehearsal.busiest * rehearsal.folding_cpu_s / rehearsal.span_s
    assert needed.worker_cores == pytest.approx(folding)
    assert needed.workers - 1 < needed.worker_cores / 0.7 <= needed.workers
    assert needed.worker_cores + needed.gathering_cores == pytest.approx(needed.one_process_cores)
    assert needed.gathering_cores > 1
    assert any("workers do not take enough" in note for note in large.notes)


def test_twice_the_estate_costs_twice(found):
    """Rows, sizes and alerts are stretched; memory by its state, CPU by all but the steps."""
    scratch, rehearsal, _ = found
    once, twice = (plan_of(rehearsal, scratch, START_AT, times=times) for times in (1.0, 2.0))
    assert twice.database_mib == pytest.approx(2 * once.database_mib)
    assert twice.alerts.pages_a_week == pytest.approx(2 * once.alerts.pages_a_week)
    assert once.scorer_mib < twice.scorer_mib < 2 * once.scorer_mib
    assert once.scorer_cores < twice.scorer_cores < 2 * once.scorer_cores
    assert once.catch_up_mib < twice.catch_up_mib
