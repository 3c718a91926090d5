"""Incidents: what belongs together is one, opened, updated and resolved."""

from datetime import UTC, datetime, timedelta

import orjson
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from vigil.alerts.message import alert_document
from vigil.incidents.grouping import (
    CLOSED,
    CORRECTED,
    FORGOTTEN,
    OPENED,
    REOPENED,
    TAKEN_BACK,
    TOLD,
    UPDATED,
    IncidentTracker,
)
from vigil.incidents.rules import CRITICAL, ERROR, INFO, WARNING, IncidentRules

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
SERVICES = ["gateway", "orders", "payments", "mail"]
SCHEMA = {
    "series_id": pl.Int64,
    "metric": pl.String,
    "revision": pl.Int32,
    "weight": pl.Float64,
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
                    "revision": 0,
                    "weight": 100.0,
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


AT_ONCE = IncidentRules(
    confirm_s=dict.fromkeys((CRITICAL, ERROR, WARNING, INFO), 0.0),
    at_once_s=0.0,
    clear_windows=2,
    clear_s=60,
    reopen_s=600,
)


def tracker(rules: IncidentRules = AT_ONCE) -> IncidentTracker:
    """An estate where the gateway calls orders, and orders calls payments."""
    found = IncidentTracker("vigil.events", rules)
    found.learn_calls([("gateway", "orders"), ("orders", "payments")])
    return found


def story(found: IncidentTracker, *frames: pl.DataFrame) -> list[tuple]:
    """(action, minute, services, origin) of each change that people are told of."""
    return [
        (
            action,
            int((incident.updated_at - START).total_seconds() // 60),
            sorted(incident.services),
            incident.origin,
        )
        for frame in frames
        for action, incident in found.update(frame)
        if action in TOLD
    ]


def test_an_incident_is_opened_updated_by_a_new_service_and_resolved():
    """A further window of the same series tells nothing new; two quiet windows resolve."""
    minutes = [{}, {"payments": 1e-6}, {"payments": 1e-6, "orders": 1e-7}, {"orders": 1e-7}, {}, {}]
    assert story(tracker(), decisions(*minutes)) == [
        (OPENED, 1, ["payments"], "payments"),
        (UPDATED, 2, ["orders", "payments"], "payments"),
        (CLOSED, 5, ["orders", "payments"], "payments"),
    ]


def test_nobody_hears_of_what_does_not_last_as_long_as_its_severity_asks():
    """A blip of two minutes is noticed and forgotten; three minutes are told after three."""
    rules = IncidentRules(confirm_s=dict.fromkeys(AT_ONCE.confirm_s, 180.0), clear_s=60)
    found = tracker(rules)
    blip = [{"mail": 1e-9}, {"mail": 1e-9}, *[{}] * 6]
    changes = [(action, incident.origin) for action, incident in found.update(decisions(*blip))]
    assert changes == [(FORGOTTEN, "mail")], "what is kept of it says where it was"
    assert story(tracker(rules), decisions(*[{"mail": 1e-9}] * 4))[0][:2] == (OPENED, 2)


def test_a_metric_of_another_kind_is_told_of_at_once():
    """Its detector flags where something begins, and no more; there are no requests to count."""
    rows = decisions({"mail": 1e-9}, *[{}] * 6).with_columns(metric=pl.lit("cpu_load"))
    told = [action for action, _ in tracker(IncidentRules()).update(rows)]
    assert told == [OPENED, CLOSED]


def test_what_hurts_more_is_told_sooner():
    """At once what eats the error budget; else after as long as the burn rate's severity asks."""
    bad = decisions(*[{"mail": 1e-9}] * 40).with_columns(
        metric=pl.lit("error_ratio"),
        actual=pl.when("flagged").then(0.9).otherwise(0.0),
        expected=pl.lit(0.001),
    )
    shares = (0.9, 0.02, 0.007, 0.0015, 0.0005)
    told = [
        story(tracker(IncidentRules()), bad.with_columns(
            actual=pl.when("flagged").then(share).otherwise(0.0)
        ))[0][1]
        for share in shares
    ]  # fmt: skip
    assert told == [1, 5, 5, 15, 29]


def test_what_comes_back_soon_is_the_same_incident_and_needs_longer_to_be_over():
    """Flapping neither opens new incidents nor resolves at every pause."""
    found = tracker()
    bad = {"mail": 1e-9}
    minutes = [bad, {}, {}, bad, {}, {}, {}, bad, {}, {}, {}, {}, {}, {}]
    changes = [
        (action, int((incident.updated_at - START).total_seconds() // 60), incident.incident_id)
        for action, incident in found.update(decisions(*minutes))
        if action in TOLD
    ]
    assert [change[:2] for change in changes] == [
        (OPENED, 0), (CLOSED, 2), (REOPENED, 3), (CLOSED, 5), (REOPENED, 7), (CLOSED, 11),
    ]  # fmt: skip
    assert len({change[2] for change in changes}) == 1


def test_the_likely_origin_is_the_deepest_unusual_service():
    """Slowness travels from callee to caller, even where the caller looks worse."""
    minute = {"gateway": 1e-12, "orders": 1e-9, "payments": 1e-6}
    assert story(tracker(), decisions(minute))[-1][3] == "payments"


def test_lost_traffic_begins_at_the_service_that_nobody_unusual_calls():
    """When rates fall, those behind the broken entry fall with it."""
    minute = {"gateway": 1e-6, "orders": 1e-9, "payments": 1e-12}
    lost = decisions(minute).with_columns(
        metric=pl.lit("request_rate"), actual=pl.when("flagged").then(0.0).otherwise(100.0)
    )
    assert story(tracker(), lost)[-1][3] == "gateway"


def test_unrelated_services_have_incidents_of_their_own():
    """Mail neither calls nor is called by payments."""
    found = tracker()
    opened = story(found, decisions({"payments": 1e-6, "mail": 1e-6}))
    assert [change[2] for change in opened] == [["payments"], ["mail"]]
    assert len({incident.incident_id for incident in found.open}) == 2


def test_services_of_one_region_that_turn_unusual_together_are_one_incident():
    """A region that is slow is one cause; the reason is stated."""
    here = decisions({"payments": 1e-6, "mail": 1e-6}).with_columns(
        environment=pl.lit("aws"), region=pl.lit("eu-1")
    )
    found = tracker()
    [(_, _, services, _)] = story(found, here)
    assert services == ["mail", "payments"]
    [incident] = found.open
    assert incident.reasons["mail"] == (
        "it is in eu-1 as the others, and turned unusual within 5 minutes of it"
    )


def test_two_that_turn_out_to_be_one_are_told_of_once():
    """Orders and mail have nothing to do with each other until the gateway calls both."""
    rules = IncidentRules(confirm_s=dict.fromkeys(AT_ONCE.confirm_s, 120.0), clear_s=60, near_s=0)
    found = IncidentTracker("vigil.events", rules)
    found.learn_calls([("gateway", "orders")])
    apart = {"orders": 1e-9}
    later = {"orders": 1e-9, "mail": 1e-9}
    frame = decisions(apart, apart, later, later)
    told = story(found, frame[: 3 * len(SERVICES)])
    found.learn_calls([("orders", "mail")])
    told += story(found, frame[3 * len(SERVICES) :])
    assert [(action, services) for action, _, services, _ in told] == [
        (OPENED, ["orders"]),
        (UPDATED, ["mail", "orders"]),
    ]
    assert len(found.active) == 1


def test_a_series_that_vanishes_does_not_keep_its_incident_open_for_ever():
    """After a day without any window the incident ends, at a time that nobody's restart shifts."""
    found = tracker()
    story(found, decisions({"mail": 1e-6}))
    later = decisions({}).with_columns(pl.col("window_start") + pl.duration(days=3))
    ended = story(found, later.filter(pl.col("service") != "mail"))
    assert ended == [(CLOSED, 24 * 60, ["mail"], "mail")]


def revised(frame: pl.DataFrame, minute: int, actual: float, flagged: bool) -> pl.DataFrame:
    """The revision of mail's window."""
    at = START + timedelta(minutes=minute)
    return frame.filter(pl.col("window_start") == at, pl.col("service") == "mail").with_columns(
        revision=pl.lit(1, pl.Int32),
        actual=pl.lit(actual),
        p=pl.lit(1e-6 if flagged else 0.5),
        flagged=pl.lit(flagged),
    )


def test_late_events_correct_an_alert_with_a_note():
    """Same id; the note says what was and what is."""
    found, frame = tracker(), decisions({"mail": 1e-6})
    [(_, opened)] = list(found.update(frame))
    number = opened.incident_id
    [(action, incident)] = list(found.update(revised(frame, 0, 180.0, True)))
    assert (action, incident.incident_id) == (CORRECTED, number)
    assert incident.note == (
        "late events changed latency_ms_p95 of mail at 12:00:00 UTC from 300 to 180."
        " It stays unusual."
    )
    assert incident.worst.worst.actual == 180.0


def test_late_events_that_take_the_reason_away_withdraw_the_alert():
    """The incident is over under its own id; a later one is another."""
    found, frame = tracker(), decisions({"mail": 1e-6})
    [(_, opened)] = list(found.update(frame))
    [(action, incident)] = list(found.update(revised(frame, 0, 101.0, False)))
    assert (action, incident.incident_id, incident.status) == (
        TAKEN_BACK, opened.incident_id, "withdrawn",
    )  # fmt: skip
    assert incident.note.endswith("It was the only reason.")
    assert not found.active
    document = alert_document(action, incident, found.topology)
    assert document["alert_id"] == f"{opened.incident_id}:2"


def test_a_window_among_others_leaves_without_ending_the_incident():
    """What late events take away is no longer counted, the rest is."""
    found, frame = tracker(), decisions({"mail": 1e-9}, {"mail": 1e-6})
    list(found.update(frame))
    [(action, incident)] = list(found.update(revised(frame, 0, 101.0, False)))
    item = incident.evidence[SERVICES.index("mail")]
    assert (action, item.windows, item.p) == (CORRECTED, 1, 1e-6)


def test_an_alert_says_expected_actual_how_unusual_since_when_and_which_traces():
    """The message is complete without opening anything else."""
    found = tracker()
    [(action, incident)] = found.update(decisions({"payments": 1e-4}))
    document = alert_document(action, incident, found.topology)
    assert document["title"] == "latency_ms_p95 of payments is 3.0× the expected"
    assert document["reason"] == (
        "300 ms instead of 100 ms (usual 80 ms to 120 ms), since 2026-03-02 12:00:00 UTC; "
        "this unusual once in 10,000 windows"
    )
    assert document["trace_ids"] == ["trace-0"]
    assert document["alert_id"] == f"{incident.incident_id}:1"
    assert document["callers"] == ["gateway", "orders"]
    assert document["requests_affected"] == 100.0


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
    whole, first, second = tracker(), tracker(), IncidentTracker("vigil.events", AT_ONCE)

    def documents(found: IncidentTracker, part: pl.DataFrame) -> list[dict]:
        return [alert_document(*change, found.topology) for change in found.update(part)]

    expected = documents(whole, frame)
    told = documents(first, frame[:cut])
    second.restore(orjson.loads(orjson.dumps(first.state())))
    assert told + documents(second, frame[cut:]) == expected


@given(minutes)
def test_every_opening_is_followed_by_exactly_one_resolve(minutes):
    """No resolve is lost, no page is doubled, however often an incident comes back."""
    found = tracker()
    told: dict[str, list[str]] = {}
    for action, incident in found.update(decisions(*minutes, *[{}] * 12)):
        if action in (OPENED, REOPENED, CLOSED):
            told.setdefault(incident.incident_id, []).append(action)
    for actions in told.values():
        again = [REOPENED, CLOSED] * (len(actions) // 2 - 1)
        assert actions == [OPENED, CLOSED, *again]
    assert not found.active


def test_a_window_under_maintenance_joins_no_incident():
    """It is attributed to its excuse; what goes on afterwards opens an incident."""
    until = START + timedelta(minutes=2)
    found = IncidentTracker(
        "vigil.events", AT_ONCE, exempt=lambda row, at: "planned" if at < until else ""
    )
    told = story(found, decisions(*[{"mail": 1e-9}] * 3))
    assert [change[:2] for change in told] == [(OPENED, 2)]
    assert found.take_joined()["reason"].to_list()[:2] == ["planned", "planned"]


def drifting(*minutes: dict[str, float]) -> pl.DataFrame:
    """As `decisions`, but the gateway's series is its traffic, a little less than expected."""
    gateway = pl.col("service") == "gateway"
    return decisions(*minutes).with_columns(
        metric=pl.when(gateway).then(pl.lit("request_rate")).otherwise("metric"),
        actual=pl.when(gateway).then(85.0).otherwise("actual"),
    )


def test_what_costs_users_does_not_join_an_older_incident_that_costs_nothing():
    """A drift of traffic must not swallow the fault that begins in its midst."""
    drift = {"gateway": 1e-6}
    minutes = [drift] * 8 + [drift | {"orders": 1e-6}] * 2
    assert story(tracker(), drifting(*minutes)) == [
        (OPENED, 0, ["gateway"], "gateway"),
        (OPENED, 8, ["orders"], "orders"),
    ]


def test_what_turns_unusual_with_the_traffic_is_one_incident():
    """Within minutes both may have one cause."""
    drift = {"gateway": 1e-6}
    minutes = [drift] * 3 + [drift | {"orders": 1e-6}]
    assert story(tracker(), drifting(*minutes))[-1][2] == ["gateway", "orders"]


def test_what_costs_nothing_keeps_no_incident_open_and_brings_none_back():
    """The fault is over when its cost is; the drift beside it is an incident of its own."""
    drift = {"gateway": 1e-6}
    both = drift | {"orders": 1e-6}
    minutes = [both] * 3 + [drift] * 12
    assert story(tracker(), drifting(*minutes)) == [
        (OPENED, 0, ["gateway", "orders"], "orders"),
        (CLOSED, 4, ["gateway", "orders"], "orders"),
        (OPENED, 5, ["gateway"], "gateway"),
    ]


def test_a_state_of_an_earlier_version_has_no_costly_window():
    """It is taken as it is."""
    found = tracker()
    story(found, decisions({"payments": 1e-6}))
    state = orjson.loads(orjson.dumps(found.state()))
    for item in state["active"]:
        assert item.pop("costly_at")
    restored = tracker()
    restored.restore(state)
    assert [incident.costly_at for incident in restored.active] == [None]
