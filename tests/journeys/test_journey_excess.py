"""A journey's change in latency, taken apart without remainder."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from vigil.journeys.critical import with_critical_time
from vigil.journeys.excess import Excess, Part, decompose
from vigil.journeys.hops import with_self_time
from vigil.journeys.links import link_spans
from vigil.journeys.paths import with_journey, with_path
from vigil.simulate import Fault, SimulationPlan, simulate_chunk

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
CHECKOUT = "POST /checkout: gateway@onprem → orders@aws-prod → payments@azure-prod → ledger@onprem"


def estate(faults: tuple[Fault, ...]) -> pl.DataFrame:
    """Two minutes of journeys with their times."""
    linked = link_spans(
        pl.from_arrow(simulate_chunk(SimulationPlan(START, 120, 20.0, 1, faults), 0))
    )
    return with_journey(with_path(with_critical_time(with_self_time(linked))))


def test_the_slow_service_gets_the_added_time_and_the_parts_add_up():
    """Payments three times as slow: its own time explains nearly all."""
    end = START + timedelta(hours=1)
    fault = Fault("f", "latency_step", START, end, "payments", "azure-prod", "westeurope", 3.0, ())
    found = decompose(estate(()), estate((fault,)), CHECKOUT)
    assert found is not None
    assert sum(part.change_ms for part in found.parts) == pytest.approx(found.change_ms)
    assert (found.parts[0].kind, found.parts[0].where) == ("self", "payments@azure-prod")
    assert found.parts[0].change_ms > 0.8 * found.change_ms


def test_a_journey_that_was_not_seen_before_has_no_expectation():
    """Nothing to compare with."""
    frame = estate(())
    assert decompose(frame.clear(), frame, CHECKOUT) is None


def test_the_sentence_tells_the_largest_parts_and_sums_up_the_rest():
    """Fit for a page."""
    parts = (
        Part("self", "payments@azure", 310.0),
        Part("network", "orders@aws → payments@azure", 20.0),
        Part("self", "orders@aws", 7.0),
        Part("self", "gateway@onprem", 3.0),
    )
    told = Excess("checkout", 100.0, 440.0, parts).sentence(most=2)
    assert told == (
        "+340 ms: 310 in payments@azure itself, 20 network orders@aws → payments@azure, 10 other"
    )
