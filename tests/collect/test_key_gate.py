"""Senders with keys: who they are, whose data they send, how much they may."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa
from otlp_messages import trace_request

from vigil.collect.receive.key_gate import KeyGate
from vigil.collect.receive.limits import Refused, TryLater
from vigil.errors import UsageError
from vigil.events.content import PROTOBUF
from vigil.stores.api_keys import KeyStore


@pytest.fixture
def store(engine):
    """Keys in a database of the test's own."""
    return KeyStore(engine)


class Clock:
    """Time that only a test moves."""

    def __init__(self) -> None:
        self.now_at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now_at

    def seconds(self) -> float:
        """For the rate."""
        return self.now_at.timestamp()

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.now_at += timedelta(**by)


@pytest.fixture
def clock():
    """Now, standing still."""
    return Clock()


@pytest.fixture
def gate(store, clock):
    """A gate that was just refreshed is made by `gate.refresh()`."""
    return KeyGate(store, clock, clock.seconds)


def bearer(token):
    """The header's value."""
    return f"Bearer {token}"


def test_a_key_says_who_sends_and_for_whom(store, gate):
    """The scheme's case does not matter, the token's does."""
    key_id, token = store.create("team", "sender", tenant="acme")
    gate.refresh()
    caller = gate.admit(bearer(token))
    assert (caller.key_id, caller.tenant) == (key_id, "acme")
    assert gate.admit(f"bearer {token}") == caller
    for wrong in (None, "", token, bearer(token[:-1]), bearer(token.upper()), bearer("vigil_a_b")):
        with pytest.raises(Refused) as caught:
            gate.admit(wrong)
        assert caught.value.status == 401


def test_the_database_holds_no_token(store, engine):
    """Only a hash."""
    _, token = store.create("team", "sender")
    with engine.connect() as connection:
        [row] = connection.execute(sa.text("SELECT api_keys::text FROM api_keys"))
    # The token is "vigil", the id, the secret; secrets may hold underscores themselves.
    assert token.split("_", 2)[2] not in row[0]


@pytest.mark.parametrize(("role", "may"), [("sender", True), ("admin", True), ("viewer", False)])
def test_a_role_may_send_or_not(store, gate, role, may):
    """403 for those that may only look."""
    _, token = store.create("somebody", role)
    gate.refresh()
    if may:
        gate.admit(bearer(token))
    else:
        with pytest.raises(Refused) as caught:
            gate.admit(bearer(token))
        assert caught.value.status == 403


def test_rotation_lets_both_tokens_in_for_a_while(store, gate, clock):
    """Then only the new one."""
    key_id, old = store.create("team", "sender")
    new = store.rotate(key_id, grace_s=60)
    gate.refresh()
    assert gate.admit(bearer(old)) == gate.admit(bearer(new))
    clock.forward(seconds=61)
    gate.admit(bearer(new))
    with pytest.raises(Refused):
        gate.admit(bearer(old))


def test_revoked_and_expired_keys_open_nothing(store, gate, clock):
    """A second revocation is told to be one."""
    key_id, revoked = store.create("a", "sender")
    _, short = store.create("b", "sender", days=1)
    store.revoke(key_id)
    gate.refresh()
    with pytest.raises(Refused):
        gate.admit(bearer(revoked))
    gate.admit(bearer(short))
    clock.forward(days=2)
    with pytest.raises(Refused):
        gate.admit(bearer(short))
    with pytest.raises(UsageError):
        store.revoke(key_id)
    with pytest.raises(UsageError):
        store.rotate(key_id, 1)


def test_a_rate_allows_bursts_and_asks_to_wait_for_the_rest(store, gate, clock):
    """Ten seconds' worth at once; the wait is as long as the debt."""
    _, token = store.create("team", "sender", records_per_s=10)
    gate.refresh()
    caller = gate.admit(bearer(token))
    gate.charge(caller, records=149, payload_bytes=0)
    with pytest.raises(TryLater) as caught:
        gate.admit(bearer(token))
    assert caught.value.after_s == pytest.approx(5.0)
    clock.forward(seconds=5.1)
    gate.admit(bearer(token))


def test_a_quota_ends_with_the_day_and_is_shared_by_receivers(store, gate, clock):
    """What another receiver took counts as well."""
    clock.now_at = clock.now_at.replace(hour=23, minute=0)
    key_id, token = store.create("team", "sender", records_per_day=100)
    other = KeyGate(store, clock, clock.seconds)
    for one, records in ((gate, 60), (other, 40)):
        one.refresh()
        one.charge(one.admit(bearer(token)), records, 0)
        one.refresh()
    gate.refresh()
    with pytest.raises(TryLater) as caught:
        gate.admit(bearer(token))
    assert 0 < caught.value.after_s <= 3_600
    clock.forward(hours=1)
    gate.refresh()
    gate.admit(bearer(token))
    assert store.all()[key_id].last_used_at is not None


def test_a_sender_cannot_speak_for_another_tenant(store, gate, listen):
    """The key's tenant replaces the one that its records name."""
    _, token = store.create("team", "sender", tenant="acme")
    gate.refresh()
    request = trace_request({}, resource={"service.name": "a", "tenant.id": "rival"})
    with listen(gate=gate) as collector:
        url, body = f"{collector.http}/v1/traces", request.SerializeToString()
        headers = {"content-type": PROTOBUF}
        assert httpx.post(url, content=body, headers=headers, timeout=60).status_code == 401
        headers["authorization"] = bearer(token)
        assert httpx.post(url, content=body, headers=headers, timeout=60).status_code == 200
        assert collector.records()["tenant"].to_list() == ["acme"]
