"""Causes are found from what changed: the way of requests, their time, a resource."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from vigil.rootcause.changes import Change, changes_frame
from vigil.rootcause.ranking import rank_causes

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)


def shop(seed: int = 1, slow: str = "", stray: str = "") -> pl.DataFrame:
    """Ten minutes of web → api → {db, mail}, in the last two with one service slow or astray.

    A slow service takes 50 ms longer; one astray fails before it calls anything, so that its
    caller gives up as well.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(600):
        begin = AT + timedelta(seconds=number - 480)
        late = begin >= AT
        own = {name: float(rng.gamma(20, 0.5)) for name in ("web", "api", "db", "mail")}
        if late and slow:
            own[slow] += 50
        lost = late and number % 2 == 0
        children = {"web": ["api"], "api": ["db", "mail"], "db": [], "mail": []}
        if lost and stray == "api":
            children["api"] = []
        if lost and stray == "db":
            children["api"] = ["db"]
        rows += _spans(f"trace-{number}", begin, own, children)
        if stray == "db" and not lost:
            rows.append(_span(f"trace-{number}", "query", "db", begin, 0.1, "db", "SELECT"))
    return pl.DataFrame(rows, orient="row", schema=_SCHEMA)


_SCHEMA = {
    "time": pl.Datetime("us", "UTC"),
    "trace_id": pl.String,
    "span_id": pl.String,
    "parent_span_id": pl.String,
    "service": pl.String,
    "route": pl.String,
    "duration_ms": pl.Float64,
    "kind": pl.String,
}


def _span(trace, span, parent, begin, duration, service, route="/"):
    return (begin, trace, span, parent, service, route, duration, "server")


def _spans(trace, begin, own, children, name="web", parent=None):
    rows, spent = [], own[name] / 2
    for child in children[name]:
        below = _spans(trace, begin + timedelta(milliseconds=spent), own, children, child, name)
        rows += below
        spent += below[-1][6]
    duration = spent + own[name] / 2
    return [*rows, _span(trace, name, parent, begin, duration, name)]


@pytest.mark.parametrize("service", ["web", "api", "db", "mail"])
def test_a_slow_service_is_found_though_its_callers_are_slow_too(service):
    """Latency travels upwards; self time does not."""
    causes = rank_causes(shop(slow=service), AT)
    assert causes[0].service == service
    assert "instead of" in causes[0].evidence[0]


@pytest.mark.parametrize("service", ["api", "db"])
def test_the_first_to_stray_is_found(service):
    """A caller that gives up because of an answer is explained by the one that answered."""
    causes = rank_causes(shop(stray=service), AT)
    assert causes[0].service == service
    assert any("missing" in line for line in causes[0].evidence)


def test_a_log_statement_that_stops_is_evidence():
    """The spans are the same; a line that was always written no longer is."""
    events = shop()
    servers = events.filter(pl.col("service") == "mail")
    logs = servers.select(
        "time", "trace_id", "span_id", "service", body=pl.lit("INFO Mail.java:41 sent to 7 people")
    ).filter((pl.col("time") < AT) | (pl.col("time").dt.second() % 3 == 0))
    causes = rank_causes(events, AT, logs)
    assert causes[0].service == "mail"
    assert "log INFO Mail.java:41 missing" in causes[0].evidence[0]


def test_a_full_resource_is_evidence():
    """Utilisation far above its usual peak, with the traces unchanged."""
    minutes = [AT + timedelta(minutes=number) for number in range(-60, 3)]
    metrics = pl.DataFrame(
        {
            "time": minutes,
            "service": "db",
            "metric": "k8s.pod.cpu.limit.utilization",
            "value": [0.2] * 60 + [0.95] * 3,
        }
    )
    causes = rank_causes(shop(), AT, metrics=metrics)
    assert causes[0].service == "db"
    assert causes[0].evidence == ("k8s.pod.cpu.limit.utilization at 95%, usually up to 20%",)


def test_nothing_unusual_scores_next_to_nothing():
    """Quiet traffic has no culprit, yet every service is listed."""
    causes = rank_causes(shop(), AT)
    assert {cause.service for cause in causes} == {"web", "api", "db", "mail"}
    assert max(cause.score for cause in causes) < 0.1


def test_nothing_later_than_three_minutes_is_looked_at():
    """What happens afterwards changes nothing."""
    events = shop(slow="api")
    later = shop(slow="db").with_columns(pl.col("time") + timedelta(minutes=20))
    assert rank_causes(pl.concat([events, later]), AT) == rank_causes(events, AT)


def test_a_change_shortly_before_is_evidence():
    """It tips the scales where nothing else does, and is told."""
    deploy = Change(AT - timedelta(minutes=20), "deploy", "mail", version="2.0")
    causes = rank_causes(shop(), AT, changes=changes_frame([deploy]))
    assert causes[0].service == "mail"
    assert causes[0].evidence[-1] == "deploy 2.0 20 min before"
    assert causes[0].score < 0.3
