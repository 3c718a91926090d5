"""Replays: the past through a policy, and what another one would have changed."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from vigil.alerts.past import LedgerPast, compare
from vigil.alerts.policy import parse_policy
from vigil.stores.database import copy_frame
from vigil.stores.ledger import LedgerKeeper, LedgerSpec
from vigil.stores.timescale import SCORES

START = datetime(2026, 3, 2, tzinfo=UTC)
BASE = "channels: {chat: {kind: terminal}}\nroute: {receivers: [chat]}\n"


@pytest.fixture
def past(engine):
    """A day of three services: payments fails for half an hour, mail for three minutes."""
    rows = []
    spells = {"payments": (600, 630, 0.2), "mail": (900, 903, 0.02), "web": (0, 0, 0.0)}
    for number, (_, (begin, end, share)) in enumerate(spells.items()):
        for minute in range(1440):
            bad = begin <= minute < end
            p = 1e-9 if bad else 0.5
            rows.append(
                {
                    "series_id": number, "window_start": START + timedelta(minutes=minute),
                    "revision": 0, "actual": share if bad else 0.001, "weight": 100.0,
                    "expected": 0.001, "lower": 0.0, "upper": 0.01, "p": p, "score": 1 - p,
                    "flagged": bad, "gate": 0, "warming_up": 1.0, "model": "online",
                }
            )  # fmt: skip
    keys = pl.DataFrame(
        [(n, "shop", "aws", None, "eu", name, "/", "GET") for n, name in enumerate(spells)],
        schema=["key_id", "tenant", "environment", "cloud", "region", "service", "route", "method"],
        orient="row",
    )
    series = pl.DataFrame({"series_id": [0, 1, 2], "key_id": [0, 1, 2], "metric": "error_ratio"})
    with engine.begin() as connection:
        copy_frame(connection, keys, "keys")
        copy_frame(connection, series, "series")
        copy_frame(connection, pl.DataFrame(rows, schema=SCORES), "scores")
    LedgerKeeper(engine, LedgerSpec(hot_h=6)).tidy()
    return LedgerPast(engine, 60)


def difference(past: LedgerPast, one: str, other: str) -> list[tuple]:
    """(change, origin, reason) between two policies."""
    end_at = past.newest()
    assert end_at == START + timedelta(days=1)
    policies = [parse_policy(one), parse_policy(other)]
    results = past.replay(policies, end_at - timedelta(days=1), end_at)
    changes = compare(["a", "b"], results)["changes"]
    return [(change["change"], change["origin"], change["reason"]) for change in changes]


def test_the_same_policy_changes_nothing(past):
    """Whatever it holds."""
    assert difference(past, BASE, BASE) == []


def test_a_silence_removes_a_page_and_says_so(past):
    """The reason is the dispatcher's own."""
    silent = BASE + "silences: [{match: {service: payments}, until: 2026-04-01T00:00:00Z}]"
    [(change, origin, reason)] = difference(past, BASE, silent)
    assert (change, origin) == ("removed", "payments")
    assert "the policy's silence for service payments until 2026-04-01" in reason


def test_a_longer_confirmation_moves_a_page_and_a_shorter_one_adds_one(past):
    """By how much, and what became of it before."""
    slow = BASE + "incidents: {at_once_s: 600}"
    assert [change[:2] for change in difference(past, BASE, slow)] == [("moved", "payments")]
    [(_, _, reason)] = difference(past, BASE, slow)
    assert reason.startswith("7 min later: by when")
    quick = BASE + "incidents: {confirm_s: {critical: 60}}"
    added = [change for change in difference(past, BASE, quick) if change[0] == "added"]
    assert added == [("added", "mail", "it did not last as long as asked")]
