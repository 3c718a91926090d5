"""Journeys and traces come from the event log, near the time they are asked for."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from vigil.board import traces
from vigil.board.reader import NoSuchThing
from vigil.board.traces import TraceReader
from vigil.stores.database import open_database

END = datetime(2026, 3, 2, 12, 59, tzinfo=UTC)


@pytest.fixture(scope="module")
def engine(small_estate):
    opened = open_database(small_estate)
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def incident(engine):
    """The document of the newest open incident."""
    query = "SELECT document FROM incidents WHERE status = 'open' ORDER BY opened_at DESC LIMIT 1"
    with engine.connect() as connection:
        return connection.execute(sa.text(query)).scalar_one()


def test_journeys_have_rate_errors_latency_and_the_slowest_trace(small_estate, engine):
    """Of all traces in the range."""
    found = TraceReader(small_estate).journeys(engine, END, timedelta(minutes=15))
    assert (found["one_in"], found["whole"]) == (1, True)
    checkout = next(row for row in found["journeys"] if row["journey"].startswith("POST /checkout"))
    assert 0.1 < checkout["rate"] < 4
    assert 0 <= checkout["error_ratio"] < 0.5
    assert checkout["latency_ms_p50"] < checkout["latency_ms_p95"] <= checkout["duration_ms"]
    assert {hop["journey"] for hop in found["hops"]} == {j["journey"] for j in found["journeys"]}


def test_of_too_many_traces_each_nth_is_taken_and_the_rates_stay_true(
    small_estate, engine, monkeypatch
):
    """Whole traces, so that journeys keep their shape."""
    reader, last = TraceReader(small_estate), timedelta(minutes=30)
    every = reader.journeys(engine, END, last)
    monkeypatch.setattr(traces, "MOST_SPANS", every["spans"] // 4)
    some = reader.journeys(engine, END, last)
    assert some["one_in"] > 1
    assert some["spans"] < every["spans"] / 2
    rates = [sum(row["rate"] for row in found["journeys"]) for found in (some, every)]
    assert rates[0] == pytest.approx(rates[1], rel=0.2)


def test_a_trace_of_an_incident_shows_the_excess_of_each_hop(small_estate, engine, incident):
    """AWS answers 250 ms late: that time is found in hops there."""
    near = [datetime.fromisoformat(item["worst_at"]) for item in incident["series"]]
    before_at = datetime.fromisoformat(incident["opened_at"])
    reader = TraceReader(small_estate)
    found = reader.trace(engine, incident["trace_ids"][0], near, before_at)
    assert found["spans"][0]["depth"] == 0
    assert found["hops"] == len(found["spans"])
    slow = [span for span in found["spans"] if (span["excess_ms"] or 0) > 100]
    assert slow
    assert {span["environment"] for span in slow} == {"aws-prod"}


def test_a_trace_that_is_not_in_the_log_is_said_with_the_times(small_estate, engine):
    """Nothing is made up."""
    with pytest.raises(NoSuchThing, match="no trace 'none' in the log around 2026-03-02 12:59:00"):
        TraceReader(small_estate).trace(engine, "none", [END], END)
