"""Faults against alerts: found, delay, false alarms."""

from datetime import UTC, datetime, timedelta

from vigil.bench.faults import judge_faults

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(minute: float) -> str:
    """Minutes after START as ISO 8601."""
    return (START + timedelta(minutes=minute)).isoformat()


def fault(start: float, end: float, *services: str) -> dict:
    """A labelled fault."""
    return {
        "fault_id": f"fault-{start}",
        "kind": "latency_step",
        "service": services[0],
        "start_at": at(start),
        "end_at": at(end),
        "services_affected": list(services),
    }


def alert(minute: float, incident: str, *services: str, action: str = "opened") -> dict:
    """An alert as the outbox holds it."""
    return {
        "alert_id": f"{incident}:{minute}",
        "incident_id": incident,
        "action": action,
        "at": at(minute),
        "services": list(services),
    }


def test_the_first_alert_that_names_an_affected_service_finds_the_fault():
    """The delay runs to the end of the window that raised the alert."""
    alerts = [alert(14, "b", "orders", action="updated"), alert(12, "b", "gateway")]
    report = judge_faults([fault(10, 30, "orders", "gateway")], alerts, window_s=60)
    assert report.found == 1
    assert report.outcomes[0].incident_id == "b"
    assert report.median_delay_s == 180
    assert report.false_incident_ids == []


def test_alerts_before_the_fault_or_about_others_are_false_alarms():
    """Neither a lucky early alert nor one of an unaffected service counts."""
    alerts = [alert(5, "early", "orders"), alert(12, "other", "mail")]
    report = judge_faults([fault(10, 30, "orders")], alerts, window_s=60)
    assert (report.found, report.median_delay_s) == (0, None)
    assert list(report.false_incident_ids) == ["early", "other"]


def test_a_resolve_is_no_alarm():
    """Only opened and updated alerts tell somebody that something is wrong."""
    report = judge_faults([fault(10, 30, "a")], [alert(12, "x", "a", action="resolved")], 60)
    assert (report.found, report.false_incident_ids) == (0, [])


def test_the_aftermath_belongs_to_the_fault():
    """Backlogs drain after the cause has gone."""
    report = judge_faults([fault(10, 30, "a")], [alert(12, "x", "a"), alert(38, "y", "a")], 60)
    assert report.false_incident_ids == []
