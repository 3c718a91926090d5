"""Causes of an incident from its series, the calls and recent changes."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from vigil.errors import InputError
from vigil.rootcause.changes import Change, blame_changes, changes_frame
from vigil.rootcause.incident import probable_causes

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
CALLS = [("gateway", "orders"), ("orders", "payments"), ("orders", "stock")]


def unusual(*rows: tuple[str, str, float, float]) -> pl.DataFrame:
    """Service, metric, expected, actual; all in aws."""
    names = ["service", "metric", "expected", "actual"]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(environment=pl.lit("aws"))


def changed(*changes: Change) -> pl.DataFrame:
    """Changes as the database gives them."""
    return changes_frame(changes)


def test_latency_is_blamed_on_the_one_whose_callees_do_not_explain_it():
    """340 ms more at the gateway, 330 of them from payments."""
    series = unusual(
        ("gateway", "latency_ms_p95", 100, 440),
        ("orders", "latency_ms_p95", 80, 415),
        ("payments", "latency_ms_p95", 40, 370),
    )
    first, second, *_ = probable_causes(series, CALLS, AT)
    assert (first.service, first.environment) == ("payments", "aws")
    assert first.score > 0.9
    assert first.evidence == ("latency_ms_p95 370 ms instead of 40",)
    assert "5 of it not explained by what it calls" in " ".join(
        cause.evidence[0] for cause in (second, *_)
    )


def test_a_recent_change_decides_between_equals_and_is_told():
    """Two services slow by the same; one was deployed ten minutes ago."""
    series = unusual(("payments", "latency_ms_p95", 40, 140), ("stock", "latency_ms_p95", 40, 140))
    deploy = Change(AT - timedelta(minutes=10), "deploy", "stock", None, "2.1", "ci", "faster")
    first = probable_causes(series, CALLS, AT, changed(deploy))[0]
    assert first.service == "stock"
    assert first.evidence[-1] == "deploy 2.1 faster 10 min before"


def test_lost_traffic_does_not_travel_upwards():
    """A callee that gets less does not explain that its caller gets less."""
    series = unusual(("gateway", "request_rate", 50, 0), ("orders", "request_rate", 20, 0))
    assert probable_causes(series, CALLS, AT)[0].service == "gateway"


def test_only_changes_of_the_service_in_its_environment_shortly_before_count():
    """Elsewhere, long ago, afterwards, or of nobody in particular: no blame."""
    minutes = timedelta(minutes=1)
    frame = changed(
        Change(AT - 5 * minutes, "deploy", "orders", "azure"),
        Change(AT - 500 * minutes, "deploy", "orders", "aws"),
        Change(AT + 1 * minutes, "deploy", "orders", "aws"),
        Change(AT - 5 * minutes, "flag"),
    )
    assert blame_changes(frame, AT, ["orders@aws"]).is_empty()
    now = changed(Change(AT, "deploy", "orders"))
    assert blame_changes(now, AT, ["orders@aws"])["score"].to_list() == [pytest.approx(0.3)]


def test_an_unknown_kind_and_a_naive_instant_are_refused():
    """The rule and the value are named."""
    with pytest.raises(InputError, match=r"kind must be one of .*, got 'party'"):
        Change(AT, "party")
    with pytest.raises(InputError, match="time zone"):
        Change(AT.replace(tzinfo=None), "deploy")
