"""A plan made from a sample holds against what then happens in the same estate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa
from scored_traffic import score_traffic

from vigil.alerts.policy.load import default_policy
from vigil.config import load_settings
from vigil.events.schema import TOPIC_EVENTS
from vigil.plan.estimate import plan_of
from vigil.plan.rehearsal import rehearse, scratch_settings
from vigil.simulate import SimulationPlan, chunk_count, plan_faults, simulate_chunk
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.database import open_database
from vigil.stores.ledger import LedgerKeeper, LedgerSpec
from vigil.stores.timescale import WindowStore

START_AT = datetime(2026, 3, 3, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def simulated():
    """A day with a fault each hour."""
    faults = plan_faults(5, START_AT, START_AT + DAY, 24)
    return SimulationPlan(START_AT, int(DAY.total_seconds()), 0.3, seed=5, faults=faults)


@pytest.fixture(scope="module")
def found(simulated, server_home):
    """The first eight hours, rehearsed."""
    sample = replace(simulated, duration_s=8 * 3600)
    scratch = scratch_settings(server_home / "plan").model_copy(
        update={"window_s": 60, "ledger_hot_h": 4.0}
    )

    def fill(event_log):
        for index in range(chunk_count(sample)):
            event_log.append(TOPIC_EVENTS, arrow_messages(simulate_chunk(sample, index)))

    return scratch, rehearse(scratch, default_policy(""), fill)


@pytest.fixture(scope="module")
def truth(simulated, new_database, tmp_path_factory):
    """The whole day, scored as in production and its ledger tidied."""
    settings = load_settings(
        home=tmp_path_factory.mktemp("truth"), store_url=new_database(), window_s=60,
        ledger_hot_h=4.0,
    )  # fmt: skip
    score_traffic(settings, simulated)
    engine = open_database(settings)
    LedgerKeeper(engine, LedgerSpec(4.0, 30)).tidy()
    yield engine
    engine.dispose()


def count(engine, query: str) -> float:
    with engine.connect() as connection:
        return float(connection.execute(sa.text(query)).scalar_one())


def test_a_day_is_stored_as_planned(found, truth):
    """Rows and bytes of windows, decisions and packed decisions, within a quarter."""
    scratch, rehearsal = found
    plan = plan_of(rehearsal, scratch, START_AT, days=1)
    planned = {part.part: part for part in plan.storage}
    windows = count(truth, "SELECT count(*) FROM request_windows")
    assert planned["request_windows"].rows_a_day == pytest.approx(windows, rel=0.25)
    decisions = WindowStore(truth).count_scores()
    assert planned["scores"].rows_a_day == pytest.approx(decisions, rel=0.25)
    for table in ("request_windows", "score_blocks", "service_edges"):
        size = count(truth, f"SELECT pg_total_relation_size('{table}')") / (1 << 20)
        assert planned[table].mib == pytest.approx(size, rel=0.25), table


def test_series_are_warm_when_the_plan_says_so(found, truth):
    """The middle series of each metric, within a quarter of the wait."""
    scratch, rehearsal = found
    plan = plan_of(rehearsal, scratch, START_AT)
    scores = WindowStore(truth).scores(START_AT, START_AT + DAY)
    named = scores.join(WindowStore(truth).series(), on="series_id")
    for group in plan.warm_up:
        own = named.filter((named["metric"] == group.metric) & (named["warming_up"] >= 1))
        warm_at = own.group_by("series_id").agg(pl.col("window_start").min())["window_start"].sort()
        waited = warm_at[len(warm_at) // 2] - START_AT
        assert (group.flags_from - START_AT) / waited == pytest.approx(1, abs=0.25)


def test_incidents_come_within_the_planned_interval(found, truth):
    """A week of days like this one; few were in the sample, and the interval says so."""
    scratch, rehearsal = found
    alerts = plan_of(rehearsal, scratch, START_AT).alerts
    came = 7 * count(truth, "SELECT count(*) FROM incidents")
    assert alerts.incidents_low < came < alerts.incidents_high


def test_twice_the_estate_costs_twice(found):
    """Rows, sizes, CPU and alerts are stretched; memory by its state only."""
    scratch, rehearsal = found
    once, twice = (plan_of(rehearsal, scratch, START_AT, times=times) for times in (1.0, 2.0))
    assert twice.database_mib == pytest.approx(2 * once.database_mib)
    assert twice.scorer_cores == pytest.approx(2 * once.scorer_cores)
    assert twice.alerts.pages_a_week == pytest.approx(2 * once.alerts.pages_a_week)
    assert once.scorer_mib < twice.scorer_mib < 2 * once.scorer_mib
