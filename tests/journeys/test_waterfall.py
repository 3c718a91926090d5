"""A trace as a waterfall: callers above callees, and what each hop took beyond the usual."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from vigil.journeys.explain import journeys_of
from vigil.journeys.paths import slowest_traces
from vigil.journeys.waterfall import waterfall

BEGIN = datetime(2026, 3, 2, 12, tzinfo=UTC)


def trace(number: int, payments_ms: float, minute: float) -> list[dict]:
    """gateway → orders → payments, and gateway → search beside it."""
    at = BEGIN + timedelta(minutes=minute)
    hops = [
        ("a", None, "gateway", "POST", "/checkout", 0.0, 60.0 + payments_ms),
        ("b", "a", "orders", "POST", "/orders", 10.0, 40.0 + payments_ms),
        ("c", "b", "payments", "POST", "/pay", 20.0, payments_ms),
        ("d", "a", "search", "GET", "/query", 5.0, 4.0),
    ]
    return [
        {
            "time": at + timedelta(milliseconds=start_ms), "trace_id": f"trace-{number}",
            "span_id": f"{number}{span}", "parent_span_id": parent and f"{number}{parent}",
            "kind": "server", "environment": "onprem", "service": service, "method": method,
            "route": route, "status": 200, "duration_ms": duration_ms, "error": None,
        }
        for span, parent, service, method, route, start_ms, duration_ms in hops
    ]  # fmt: skip


@pytest.fixture(scope="module")
def spans() -> pl.DataFrame:
    """Ten usual traces, then one whose payment takes 300 ms more."""
    rows = [row for number in range(10) for row in trace(number, 30.0, number / 10)]
    return journeys_of(pl.DataFrame(rows + trace(99, 330.0, 5)))


def test_hops_stand_in_the_order_of_calls_with_their_excess(spans):
    """Only the hop that took the time has it, not those that waited for it."""
    found = waterfall(spans, "trace-99", round(BEGIN.timestamp() * 1e6) + 120_000_000)
    assert found["service"].to_list() == ["gateway", "search", "orders", "payments"]
    assert found["depth"].to_list() == [0, 1, 1, 2]
    assert found["start_ms"].to_list() == [0.0, 5.0, 10.0, 20.0]
    assert found["excess_ms"].to_list() == pytest.approx([0.0, 0.0, 0.0, 300.0])
    assert found["samples"].to_list() == [10] * 4


def test_what_began_later_is_no_measure_of_the_usual(spans):
    """Before the first trace nothing is known, so nothing is expected."""
    found = waterfall(spans, "trace-99", round(BEGIN.timestamp() * 1e6))
    assert found["expected_self_ms"].null_count() == 4
    assert found["excess_ms"].null_count() == 4
    assert found["samples"].to_list() == [0] * 4


def test_a_journey_seen_too_rarely_is_compared_with_all(spans):
    """The same hop serves other journeys as well."""
    few = spans.with_columns(
        journey=pl.when(pl.col("trace_id") == "trace-99").then(pl.lit("rare")).otherwise("journey")
    )
    found = waterfall(few, "trace-99", round(BEGIN.timestamp() * 1e6) + 120_000_000)
    assert found["excess_ms"].to_list() == pytest.approx([0.0, 0.0, 0.0, 300.0])


def test_a_trace_that_is_not_there_has_no_rows(spans):
    """Nothing is made up."""
    assert waterfall(spans, "trace-7777", 0).is_empty()


def test_the_slowest_trace_of_each_journey_is_the_one_to_look_at(spans):
    """One a journey, with its beginning."""
    [row] = slowest_traces(spans).to_dicts()
    assert row["trace_id"] == "trace-99"
    assert row["duration_ms"] == 390.0
    assert row["start_us"] == round((BEGIN + timedelta(minutes=5)).timestamp() * 1e6)
