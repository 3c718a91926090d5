"""Where an incident comes from: traces first, the series where traces say nothing."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from vigil.rootcause.changes import CHANGES, Change, changes_frame
from vigil.rootcause.localise import Traces, localise
from vigil.simulate import Fault, SimulationPlan, simulate_chunk

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
AT = START + timedelta(minutes=20)
CALLS = [("gateway", "orders"), ("orders", "payments")]
NO_CHANGES = pl.DataFrame(schema=CHANGES)


def observed(
    kind: str = "deploy_regression", size: float = 4.0, service: str | None = "payments"
) -> pl.DataFrame:
    """24 minutes of the estate; the payments of azure-prod suffer from AT on, or all of it."""
    fault = Fault(
        "f", kind, AT, AT + timedelta(hours=1), service, "azure-prod", "westeurope", size, ()
    )
    events = pl.from_arrow(simulate_chunk(SimulationPlan(START, 1_440, 12.0, 5, (fault,)), 0))
    assert isinstance(events, pl.DataFrame)
    return events.filter(pl.col("time") < AT + timedelta(minutes=3))


def unusual(*rows: tuple[str, str, float, float]) -> pl.DataFrame:
    """Service, metric, expected, actual; all in azure-prod."""
    names = ["service", "metric", "expected", "actual"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns(environment=pl.lit("azure-prod"))


SERIES = unusual(("payments", "latency_ms_p95", 90, 240), ("orders", "latency_ms_p95", 200, 330))


@pytest.fixture(scope="module")
def document() -> dict:
    """What is told of a regression in payments."""
    deploy = changes_frame([Change(AT, "deploy", "payments", "azure-prod", "1.5.0")])
    found = localise(SERIES, CALLS, AT, "orders", deploy, Traces(observed()))
    return found.document()


def test_the_service_in_which_time_is_lost_is_first_with_its_evidence(document):
    """Even where the topology suggested another one."""
    first = document["causes"][0]
    assert (first["service"], first["environment"]) == ("payments", "azure-prod")
    assert any("own time of POST /payments" in words for words in first["evidence"])
    assert any("deploy 1.5.0" in words for words in first["evidence"])


def test_the_added_time_is_taken_apart_by_hop(document):
    """Most of it in payments itself; the parts add up to the whole but for what is below 1 ms."""
    excess = document["excess"]
    assert excess["words"].startswith("+")
    assert "in payments@azure-prod itself" in excess["words"]
    assert excess["parts"][0]["where"] == "payments@azure-prod"
    added = excess["actual_ms"] - excess["expected_ms"]
    assert sum(part["ms"] for part in excess["parts"]) == pytest.approx(added, abs=3)


def test_what_bad_requests_share_is_told(document):
    """Not a host: each has its part of bad and of good requests."""
    assert len(document["in_common"]) == 1
    assert "version 1.5.0" in document["in_common"][0]


def test_an_environment_that_is_slow_as_a_whole_is_named_before_its_services():
    """One slow service is not an environment."""
    region = observed("region_slow", 150.0, service=None)
    found = localise(SERIES, CALLS, AT, "orders", NO_CHANGES, Traces(region))
    assert found.place is not None
    assert found.place.environment == "azure-prod"
    assert found.place.others_slow == 0
    one = localise(SERIES, CALLS, AT, "orders", NO_CHANGES, Traces(observed()))
    assert one.place is None


def test_a_thinned_sample_gives_the_same_cause():
    """Traces that were cut by the sampling are left out, not held against anybody."""
    events = observed()
    cut = events.with_row_index("n").filter(pl.col("n") // 400 % 3 != 0).drop("n")
    found = localise(SERIES, CALLS, AT, "orders", NO_CHANGES, Traces(cut, whole=False))
    assert found.causes[0].service == "payments"
    assert 0 < found.spans < cut.height


@pytest.mark.parametrize("traces", [None, Traces(observed().clear())], ids=["unread", "none"])
def test_without_traces_the_series_decide_and_the_origin_is_first(traces):
    """Then there is no excess and nothing in common to tell."""
    found = localise(SERIES, CALLS, AT, "orders", NO_CHANGES, traces)
    assert [cause.service for cause in found.causes] == ["orders", "payments"]
    assert set(found.document()) == {"causes", "localised_from"}


def test_requests_that_never_pass_through_the_incident_are_not_looked_at():
    """Another incident at the same time is not this one's cause."""
    calm = unusual(("ledger", "request_rate", 5, 9))
    found = localise(calm, CALLS, AT, "ledger", NO_CHANGES, Traces(observed()))
    passing = observed().filter(pl.col("service") == "ledger")["trace_id"].n_unique()
    assert found.spans < observed().height
    assert passing > 0
