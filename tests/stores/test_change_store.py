"""Changes in the database."""

from datetime import UTC, datetime, timedelta

from vigil.rootcause.changes import Change
from vigil.stores.changes import ChangeStore

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_change_that_comes_twice_is_kept_once(engine):
    """Pipelines repeat their steps."""
    store = ChangeStore(engine)
    deploy = Change(AT, "deploy", "payments", "azure-prod", "1.8.2", "ci", "new client")
    flag = Change(AT + timedelta(minutes=5), "flag", description="dark mode")
    assert store.add([deploy, flag, deploy]) == 2
    assert store.add([deploy]) == 0
    found = store.between(AT, AT + timedelta(hours=1))
    assert found["kind"].to_list() == ["flag", "deploy"]
    assert found.row(1, named=True) == {
        "at": AT, "kind": "deploy", "service": "payments", "environment": "azure-prod",
        "version": "1.8.2", "author": "ci", "description": "new client",
    }  # fmt: skip
    assert found["service"].to_list() == [None, "payments"]


def test_changes_outside_the_span_are_not_found(engine):
    """Both ends belong to it."""
    store = ChangeStore(engine)
    store.add([Change(AT, "config", "orders")])
    assert store.between(AT, AT).height == 1
    assert store.between(AT + timedelta(seconds=1), AT + timedelta(hours=1)).height == 0
