"""The service graph that the scorer keeps, as of any minute."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from vigil.stores.database import open_database
from vigil.stores.graph import GraphStore

DURING = datetime(2026, 3, 2, 11, 35, tzinfo=UTC)
BEFORE = datetime(2026, 3, 2, 11, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def graph(small_estate):
    """Three hours, in which search on AWS was slow from 11:30 to 11:50."""
    engine = open_database(small_estate)
    yield GraphStore(engine)
    engine.dispose()


def test_the_graph_is_as_it_was_at_an_instant(graph):
    """Search is slow during the fault and was not before."""

    def latency_ms(at: datetime) -> float:
        edges = graph.as_of(at)
        slow = (pl.col("service") == "search") & (pl.col("environment") == "aws-prod")
        return edges.filter(slow)["latency_ms_mean"].mean()

    assert latency_ms(DURING) > 2 * latency_ms(BEFORE)


def test_rates_are_those_of_the_minutes_asked_for(graph):
    """Longer spans have more requests at about the same rate."""
    short, long = graph.as_of(BEFORE, 5), graph.as_of(BEFORE, 30)
    assert long["requests"].sum() > 4 * short["requests"].sum()
    assert long["rate"].sum() == pytest.approx(short["rate"].sum(), rel=0.3)


def test_before_the_first_minute_there_is_no_graph(graph):
    """An empty frame, with its columns."""
    edges = graph.as_of(BEFORE - timedelta(days=1))
    assert edges.is_empty()
    assert "rate" in edges.columns


def test_users_call_the_gateways(graph):
    """The entry has no caller; the newest minute is known."""
    entry = graph.as_of(graph.newest()).filter(pl.col("caller") == "")
    assert entry["service"].unique().to_list() == ["gateway"]
