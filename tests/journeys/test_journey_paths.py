"""Journeys are named by the way across environments and counted for all requests."""

from datetime import UTC, datetime

import polars as pl
import pytest

from vigil.journeys.critical import with_critical_time
from vigil.journeys.hops import with_self_time
from vigil.journeys.links import link_spans
from vigil.journeys.paths import hop_table, journey_table, with_journey, with_path
from vigil.simulate import SimulationPlan, simulate_chunk


@pytest.fixture(scope="module")
def estate() -> pl.DataFrame:
    """A minute of the simulated estate, with journeys and times."""
    plan = SimulationPlan(datetime(2026, 3, 2, 12, tzinfo=UTC), 60, 20.0, 1)
    linked = link_spans(pl.from_arrow(simulate_chunk(plan, 0)))
    return with_journey(with_path(with_critical_time(with_self_time(linked))))


def test_a_checkout_crosses_three_environments(estate):
    """The name says by which way."""
    names = estate["journey"].unique().to_list()
    way = "gateway@onprem → orders@aws-prod → payments@azure-prod → ledger@onprem"
    assert f"POST /checkout: {way}" in names


def test_every_trace_belongs_to_one_journey_and_none_is_lost(estate):
    """Counts add up to the traces."""
    table = journey_table(estate, 60.0)
    assert table["traces"].sum() == estate["trace_id"].n_unique()
    assert table["rate"].sum() == pytest.approx(estate["trace_id"].n_unique() / 60)


def test_a_sampled_trace_stands_for_those_that_were_not_kept(estate):
    """One in ten kept: ten times the rate, the same ratios and latencies."""
    all_traces = journey_table(estate, 60.0)
    sampled = journey_table(estate.with_columns(weight=pl.lit(10.0)), 60.0)
    assert sampled["rate"].to_list() == pytest.approx([10 * rate for rate in all_traces["rate"]])
    assert sampled["error_ratio"].to_list() == all_traces["error_ratio"].to_list()


def test_the_critical_shares_of_a_journey_add_up_to_one(estate):
    """All time is somewhere."""
    shares = hop_table(estate).group_by("journey").agg(pl.col("critical_share").sum())
    assert shares["critical_share"].to_list() == pytest.approx([1.0] * shares.height)


def test_a_trace_without_its_root_is_told_apart(estate):
    """Late or lost spans leave pieces; they are counted as broken."""
    events = estate.select("time", "trace_id", "span_id", "parent_span_id", "service", "route",
        "method", "environment", "duration_ms", "status", "error", "kind")  # fmt: skip
    first = estate.filter(pl.col("link") == "root")["span_id"][0]
    broken = with_journey(with_path(link_spans(events.filter(pl.col("span_id") != first))))
    table = journey_table(broken, 60.0)
    assert (table["broken_ratio"] * table["traces"]).sum() == pytest.approx(1)
