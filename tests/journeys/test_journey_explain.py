"""What happened to journeys at an instant."""

from datetime import UTC, datetime, timedelta

import polars as pl

from vigil.journeys.explain import explain, journeys_of
from vigil.simulate import Fault, SimulationPlan, simulate_chunk

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_bad_version_is_named_with_the_hop_that_it_slows():
    """The deploy of payments in one cloud: the time, the place, and what slow requests share."""
    at = START + timedelta(minutes=2)
    end = START + timedelta(hours=1)
    fault = Fault(
        "f", "deploy_regression", at, end, "payments", "azure-prod", "westeurope", 3.0, ()
    )
    events = pl.from_arrow(simulate_chunk(SimulationPlan(START, 240, 20.0, 1, (fault,)), 0))
    assert isinstance(events, pl.DataFrame)
    # The old version still serves half of the requests, as fast as before.
    first = explain(journeys_of(events), int(at.timestamp() * 1e6))[0]
    assert first.excess.journey.startswith("POST /checkout")
    assert first.excess.parts[0].where == "payments@azure-prod"
    assert first.bad_requests > 0


def test_the_version_that_slow_requests_share_is_found():
    """Two versions at once: only one of them is slow."""
    old = pl.from_arrow(simulate_chunk(SimulationPlan(START, 240, 20.0, 1), 0))
    at = START + timedelta(minutes=2)
    fault = Fault(
        "f", "deploy_regression", at, START + timedelta(hours=1),
        "payments", "azure-prod", "westeurope", 6.0, (),
    )  # fmt: skip
    new = pl.from_arrow(simulate_chunk(SimulationPlan(at, 120, 20.0, 2, (fault,)), 0))
    first = explain(journeys_of(pl.concat([old, new])), int(at.timestamp() * 1e6))[0]
    values = dict(first.common[0].values)
    assert values.get("version") == "1.5.0"
    assert first.common[0].of_bad > 0.8
