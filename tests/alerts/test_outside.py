"""Alertmanager's webhooks as evidence: kept once, told where they belong, refused with a reason."""

import json

import pytest
import sqlalchemy as sa
from sample_alerts import alert_document
from starlette.testclient import TestClient

from vigil.alerts.outside import outside_words
from vigil.alerts.receiver import PATH, receiver


def webhook(status: str = "firing", **labels: str) -> dict:
    """What Alertmanager 0.28 sends."""
    ends_at = "0001-01-01T00:00:00Z" if status == "firing" else "2026-03-02T12:20:00Z"
    return {
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": status,
        "receiver": "vigil", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://alertmanager.test",
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": "HighErrorRate", "service": "payments", **labels},
                "annotations": {"summary": "5 % of requests fail"},
                "startsAt": "2026-03-02T11:58:00Z", "endsAt": ends_at,
                "generatorURL": "http://prometheus.test", "fingerprint": "c0ffee",
            }
        ],
    }  # fmt: skip


@pytest.fixture
def client(engine):
    """The receiver on the test's database."""
    return TestClient(receiver(engine))


def words(engine: sa.Engine, **fields) -> list[str]:
    """What is said about an incident."""
    with engine.connect() as connection:
        return outside_words(connection, alert_document(**fields))


def test_an_alert_is_kept_once_and_told_where_it_belongs(client, engine):
    """Repeated while it fires; its end updates it."""
    for _ in range(3):
        assert client.post(PATH, json=webhook()).json() == {"alerts": 1}
    said = "Alertmanager: HighErrorRate of payments since 11:58:00 UTC: 5 % of requests fail"
    assert words(engine) == [said]
    assert words(engine, services=["mail"]) == []
    assert words(engine, opened_at="2026-03-02T13:00:00+00:00") == []
    client.post(PATH, json=webhook("resolved"))
    assert words(engine) == [said.replace("since 11:58:00", "since 11:58:00 until 12:20:00")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "3"}, "version: Input should be '4', got '3'"),
        ({"alerts": None}, "alerts: Input should be a valid array"),
    ],
)
def test_what_is_no_webhook_is_refused_with_field_and_value(client, change, said):
    """And nothing of it is kept."""
    answer = client.post(PATH, content=json.dumps(webhook() | change))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(said)
    assert client.post(PATH, content=b"{").status_code == 400
