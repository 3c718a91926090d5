"""Servers that go away and come back: what was opened before works again, nothing hangs."""

import threading
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from vigil.config import load_settings
from vigil.errors import SinkError, StoreError
from vigil.servers import PostgresServer
from vigil.stores.database import open_database
from vigil.stores.elastic import ElasticSink

# Nobody listens there.
NOWHERE = 1


@pytest.fixture(scope="module")
def postgres(server_home):
    """A server that listens on a port."""
    with PostgresServer(server_home / "postgres-outages") as server:
        yield server


@pytest.fixture
def store(postgres, proxy):
    """An engine that reaches its server through a network that can be spoilt."""
    proxy.target_port = postgres.port
    url = postgres.url.replace(f":{postgres.port}/", f":{proxy.port}/")
    engine = open_database(load_settings(store_url=url))
    yield engine
    engine.dispose()


def answer(engine: sa.Engine) -> int:
    """A query."""
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT 42")).scalar_one()


def test_a_store_answers_again_after_its_server_came_back(store, proxy, postgres):
    """Connections of the pool are dead then; they are made anew without anybody asking."""
    assert answer(store) == 42
    proxy.target_port = NOWHERE
    proxy.cut()
    with pytest.raises(StoreError, match=str(proxy.port)):
        answer(store)
    proxy.target_port = postgres.port
    assert answer(store) == 42


def test_a_slow_store_is_waited_for(store, proxy):
    """Each piece takes 100 ms longer."""
    proxy.delay_s = 0.1
    assert answer(store) == 42


def alert(number: int) -> dict:
    """A document of the least size."""
    at = datetime(2026, 3, 2, tzinfo=UTC).isoformat()
    return {"alert_id": f"away:{number}", "incident_id": "away", "action": "opened", "at": at}


def test_a_sink_takes_documents_again_after_its_server_came_back(elasticsearch, proxy):
    """What was refused meanwhile is an error, so that it stays in the outbox."""
    proxy.target_port = elasticsearch.port
    with closing(ElasticSink(f"http://127.0.0.1:{proxy.port}")) as sink:
        assert sink.write_alerts([alert(1)]) == []
        proxy.target_port = NOWHERE
        proxy.cut()
        with pytest.raises(SinkError, match=str(proxy.port)):
            sink.write_alerts([alert(2)])
        proxy.target_port = elasticsearch.port
        assert sink.write_alerts([alert(2)]) == []
        sink.refresh()
        start, end = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
        kept = {found["_id"] for found in sink.alerts(start, end, 100)}
        assert kept >= {"away:1", "away:2"}


def test_a_slow_sink_is_waited_for(elasticsearch, proxy):
    """A stall of a second is no error."""
    proxy.target_port = elasticsearch.port
    with closing(ElasticSink(f"http://127.0.0.1:{proxy.port}")) as sink:
        sink.check()
        proxy.stalled = True
        threading.Timer(1.0, setattr, [proxy, "stalled", False]).start()
        began = time.monotonic()
        assert sink.write_alerts([alert(3)]) == []
        assert time.monotonic() - began >= 0.9, "else nothing was stalled"
