"""Incidents: what belongs together is one, opened, updated and resolved."""

from datetime import UTC, datetime, timedelta

import orjson
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from vigil.alerts.message import alert_document
from vigil.incidents.grouping import CLOSED, OPENED, UPDATED, IncidentTracker

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
SERVICES = ["gateway", "orders", "payments", "mail"]
SCHEMA = {
    "series_id": pl.Int64,
    "metric": pl.String,
    "window_start": pl.Datetime("us", "UTC"),
    "actual": pl.Float64,
    "expected": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "p": pl.Float64,
    "flagged": pl.Boolean,
    "worst_traces": pl.List(pl.String),
    **dict.fromkeys(
        ("tenant", "environment", "cloud", "region", "service", "route", "method"), pl.String
    ),
}


def decisions(*minutes: dict[str, float]) -> pl.DataFrame:
    """One window a minute, a latency series a service; `{service: p}` names the flagged ones."""
    rows = []
    for minute, flagged in enumerate(minutes):
        for number, service in enumerate(SERVICES):
            p = flagged.get(service, 0.5)
            rows.append(
                {
                    "series_id": number,
                    "metric": "latency_ms_p95",
                    "window_start": START + timedelta(minutes=minute),
                    "actual": 300.0 if service in flagged else 100.0,
                    "expected": 100.0,
                    "lower": 80.0,
                    "upper": 120.0,
                    "p": p,
                    "flagged": service in flagged,
                    "worst_traces": [f"trace-{minute}"],
                    "service": service,
                }
            )
    return pl.DataFrame(rows, schema=SCHEMA)


def tracker() -> IncidentTracker:
    """An estate where the gateway calls orders, and orders calls payments."""
    found = IncidentTracker("vigil.events", clear_windows=2)
    found.learn_calls([("gateway", "orders"), ("orders", "payments")])
    return found


def story(found: IncidentTracker, *frames: pl.DataFrame) -> list[tuple]:
    """(action, minute, services, origin) of each change."""
    return [
        (
            action,
            int((incident.updated_at - START).total_seconds() // 60),
            sorted(incident.services),
            incident.origin,
        )
        for frame in frames
        for action, incident in found.update(frame)
    ]


def test_an_incident_is_opened_updated_by_a_new_service_and_resolved():
    """A further window of the same series tells nothing new; two quiet windows resolve."""
    minutes = [{}, {"payments": 1e-6}, {"payments": 1e-6, "orders": 1e-7}, {"orders": 1e-7}, {}, {}]
    assert story(tracker(), decisions(*minutes)) == [
        (OPENED, 1, ["payments"], "payments"),
        (UPDATED, 2, ["orders", "payments"], "payments"),
        (CLOSED, 5, ["orders", "payments"], "payments"),
    ]


def test_the_likely_origin_is_the_deepest_unusual_service():
    """Slowness travels from callee to caller, even where the caller looks worse."""
    minute = {"gateway": 1e-12, "orders": 1e-9, "payments": 1e-6}
    assert story(tracker(), decisions(minute))[-1][3] == "payments"


def test_unrelated_services_have_incidents_of_their_own():
    """Mail neither calls nor is called by payments."""
    found = tracker()
    opened = story(found, decisions({"payments": 1e-6, "mail": 1e-6}))
    assert [change[2] for change in opened] == [["payments"], ["mail"]]
    assert len({incident.incident_id for incident in found.open}) == 2


def test_a_series_that_vanishes_does_not_keep_its_incident_open_for_ever():
    """After a day without any window the incident ends, at a time that nobody's restart shifts."""
    found = tracker()
    story(found, decisions({"mail": 1e-6}))
    later = decisions({}).with_columns(pl.col("window_start") + pl.duration(days=3))
    ended = story(found, later.filter(pl.col("service") != "mail"))
    assert ended == [(CLOSED, 24 * 60, ["mail"], "mail")]


def test_an_alert_says_expected_actual_how_unusual_since_when_and_which_traces():
    """The message is complete without opening anything else."""
    found = tracker()
    [(action, incident)] = found.update(decisions({"payments": 1e-4}))
    document = alert_document(action, incident)
    assert document["title"] == "latency_ms_p95 of payments is 3.0× the expected"
    assert document["reason"] == (
        "300 ms instead of 100 ms (usual 80 ms to 120 ms), since 2026-03-02 12:00:00 UTC; "
        "this unusual once in 10,000 windows"
    )
    assert document["trace_ids"] == ["trace-0"]
    assert document["alert_id"] == f"{incident.incident_id}:1"


minutes = st.lists(
    st.dictionaries(st.sampled_from(SERVICES), st.sampled_from([1e-5, 1e-8]), max_size=3),
    min_size=1,
    max_size=25,
)


@given(minutes, st.data())
def test_killed_and_resumed_tells_the_same_story(minutes, data):
    """Cut anywhere, state through JSON: same incidents, same ids, same alerts."""
    frame = decisions(*minutes)
    cut = data.draw(st.integers(0, len(minutes))) * len(SERVICES)
    whole, first, second = tracker(), tracker(), IncidentTracker("vigil.events", clear_windows=2)
    expected = [alert_document(*change) for change in whole.update(frame)]
    told = [alert_document(*change) for change in first.update(frame[:cut])]
    second.restore(orjson.loads(orjson.dumps(first.state())))
    told += [alert_document(*change) for change in second.update(frame[cut:])]
    assert told == expected


@given(minutes)
def test_every_incident_is_opened_once_and_resolved_once(minutes):
    """No resolve is lost, no page is doubled."""
    found = tracker()
    changes = [
        (action, incident.incident_id)
        for action, incident in found.update(decisions(*minutes, *[{}] * 3))
    ]
    opened = [number for action, number in changes if action == OPENED]
    closed = [number for action, number in changes if action == CLOSED]
    assert len(set(opened)) == len(opened)
    assert sorted(opened) == sorted(closed)
    assert not found.open
