"""Changes by HTTP: kept before they are acknowledged, behind the same door as everything else."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from listening import listening

from vigil.collect.receive.key_gate import KeyGate
from vigil.errors import StoreError
from vigil.stores.api_keys import KeyStore
from vigil.stores.changes import ChangeStore

DEPLOY = {"kind": "deploy", "service": "payments", "version": "1.8.2", "at": "2026-03-02T12:00:00Z"}
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def post(door, body, **headers: str) -> httpx.Response:
    """JSON, or text as it is."""
    what = {"content": body} if isinstance(body, str | bytes) else {"json": body}
    return httpx.post(f"{door.http}/v1/changes", headers=headers, timeout=60, **what)


def test_what_is_acknowledged_is_in_the_database_and_counts_once(engine):
    """An object, a list or a line each; the same change again is known already."""
    store = ChangeStore(engine)
    with listening(keep_changes=store.add) as door:
        assert post(door, DEPLOY).json() == {"added": 1, "known": 0}
        flag = {"kind": "flag", "description": "new checkout", "at": "2026-03-02T12:05:00+00:00"}
        assert post(door, [DEPLOY, flag]).json() == {"added": 1, "known": 1}
        lines = '{"kind":"config","at":"2026-03-02T12:06:00Z"}\n{"kind":"other"}\n'
        assert post(door, lines).json() == {"added": 2, "known": 0}
    kept = store.between(LONG_AGO, datetime.now(UTC) + timedelta(minutes=1))
    assert sorted(kept["kind"]) == ["config", "deploy", "flag", "other"]


def test_a_change_without_an_instant_is_made_now():
    """A pipeline needs to know its service and version only."""
    seen = []
    with listening(keep_changes=lambda changes: seen.extend(changes) or len(changes)) as door:
        assert post(door, {"kind": "deploy", "service": "a"}).status_code == 200
    assert datetime.now(UTC) - seen[0].at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"kind": "party"}, "change 1: kind must be one of"),
        ({"service": "a"}, "kind must be given"),
        ({"kind": "deploy", "at": "noon"}, "at must be ISO 8601, got 'noon'"),
        ({"kind": "deploy", "at": "2026-03-02T12:00:00"}, "at must have a time zone"),
        ([{"kind": "deploy"}, {"kind": "deploy", "who": "me"}], "change 2: unknown fields ['who']"),
        ({"kind": "deploy", "version": 2}, "version must be text, got 2"),
        ('{"kind":"deploy"}\n{', "line 2: must be a JSON object"),
        (["deploy"], "change 1: must be an object, got 'deploy'"),
    ],
)
def test_a_wrong_change_is_refused_with_its_place_and_rule(body, rule):
    """Nothing of the request is kept."""
    kept: list = []
    with listening(keep_changes=lambda changes: kept.extend(changes) or len(changes)) as door:
        answer = post(door, body)
    assert answer.status_code == 400
    assert rule in answer.json()["message"]
    assert kept == []


def test_keys_and_roles_are_asked_for_as_of_other_senders(engine):
    """A viewer may not send; what was sent counts."""
    keys = KeyStore(engine)
    _, sender = keys.create("pipeline", "sender", records_per_day=1)
    _, viewer = keys.create("somebody", "viewer")
    gate = KeyGate(keys)
    gate.refresh()
    with listening(gate=gate) as door:
        assert post(door, DEPLOY).status_code == 401
        assert post(door, DEPLOY, authorization=f"Bearer {viewer}").status_code == 403
        assert post(door, DEPLOY, authorization=f"Bearer {sender}").status_code == 200
        assert post(door, DEPLOY, authorization=f"Bearer {sender}").status_code == 429


def test_a_database_that_is_down_asks_to_come_again():
    """503 with Retry-After: a pipeline's client repeats it."""

    def down(changes):
        raise StoreError("the database cannot be reached")

    with listening(keep_changes=down) as door:
        answer = post(door, DEPLOY)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
