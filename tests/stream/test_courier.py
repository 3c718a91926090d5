"""The courier: what is committed reaches the sink, whatever the sink does meanwhile."""

import json
import time

import polars as pl
import pytest
import sqlalchemy as sa

from vigil.alerts.delivery import Outbox
from vigil.alerts.policy import default_policy
from vigil.errors import SinkError
from vigil.events.schema import TOPIC_DEAD_LETTERS
from vigil.stores.graph import GraphStore
from vigil.stores.memory_log import MemoryLog
from vigil.stores.sink_outbox import Documents, SinkOutbox, put_aside
from vigil.stores.sinks import Refused
from vigil.stream.courier import Courier
from vigil.stream.graph_feed import GraphFeed


class FlakySink:
    """Takes documents unless told to be down; refuses those of revision 7 for ever."""

    outside = True

    def __init__(self):
        self.down = False
        self.taken: list[int | str] = []

    def write_scores(self, scored: pl.DataFrame) -> list[Refused]:
        """Notes the series."""
        if self.down:
            raise SinkError("the sink is down")
        bad = scored.filter(pl.col("revision") == 7)
        self.taken += scored.filter(pl.col("revision") != 7)["series_id"].to_list()
        return [Refused(str(row), "no field revision", b"{}") for row in bad["series_id"]]

    def write_alerts(self, alerts) -> list[Refused]:
        """Nothing to note."""
        return []

    def write_lines(self, lines: pl.DataFrame) -> list[Refused]:
        """Notes the ids."""
        self.taken += lines["line_id"].to_list() if lines.height else []
        return []


def commit(engine: sa.Engine, epoch: int, *series_ids: int, revision: int = 0) -> None:
    """What a scorer puts aside in a checkpoint."""
    frame = pl.DataFrame({"series_id": series_ids, "revision": [revision] * len(series_ids)})
    with engine.begin() as connection:
        put_aside(connection, "test", epoch, Documents(frame, [], pl.DataFrame()))


def outbox(engine: sa.Engine) -> Outbox:
    """An outbox that has nothing to send."""
    return Outbox(engine, default_policy(), {})


def new_courier(engine: sa.Engine, sink: FlakySink, log: MemoryLog, alerts=None) -> Courier:
    """One of the consumer `test`."""
    graph = GraphFeed(GraphStore(engine), sink)
    documents = SinkOutbox(engine, "test")
    return Courier(alerts or outbox(engine), documents, graph, sink, log)


@pytest.fixture
def parts(engine):
    """(sink, log, courier) on a database of their own."""
    sink, log = FlakySink(), MemoryLog()
    return sink, log, new_courier(engine, sink, log)


def wait_for(condition) -> None:
    """Until it holds, at most ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


def test_documents_arrive_in_order_and_are_then_forgotten(engine, parts):
    """Nothing is sent twice."""
    sink, _, courier = parts
    commit(engine, 1, 10, 11)
    courier.start()
    wait_for(lambda: sink.taken == [10, 11])
    commit(engine, 2, 12)
    courier.wake()
    wait_for(lambda: sink.taken == [10, 11, 12])
    courier.finish()
    assert SinkOutbox(engine, "test").waiting() is None


def test_a_sink_that_was_down_gets_everything_later(engine, parts):
    """Meanwhile it waits in the database, also across a restart."""
    sink, log, courier = parts
    sink.down = True
    commit(engine, 1, 10)
    courier.start()
    commit(engine, 2, 11)
    time.sleep(0.3)
    courier.finish()
    assert sink.taken == []
    sink.down = False
    second = new_courier(engine, sink, log)
    second.finish(deliver_all=True)
    assert sink.taken == [10, 11]


def test_log_lines_arrive_also_where_there_are_no_scores(engine, parts):
    """A checkpoint may hold nothing else."""
    sink, _, courier = parts
    lines = pl.DataFrame({"line_id": ["a", "b"]})
    with engine.begin() as connection:
        put_aside(connection, "test", 1, Documents(pl.DataFrame(), [], lines))
    commit(engine, 2, 10)
    courier.finish(deliver_all=True)
    assert sink.taken == [10, "a", "b"]


def test_finishing_says_when_the_sink_does_not_take_the_rest(engine, parts):
    """A drained scorer must not end as if all were well."""
    sink, _, courier = parts
    sink.down = True
    commit(engine, 1, 10)
    with pytest.raises(SinkError, match="the sink is down"):
        courier.finish(deliver_all=True)


def test_a_refused_document_becomes_a_dead_letter_with_the_reason(engine, parts):
    """And does not hold up the others."""
    sink, log, courier = parts
    commit(engine, 1, 10, revision=7)
    commit(engine, 2, 11)
    courier.finish(deliver_all=True)
    assert sink.taken == [11]
    [stored] = log.read(TOPIC_DEAD_LETTERS, 0, 0, 10)
    letter = json.loads(stored.message.value)
    assert letter["place"] == "sink, document 10"
    assert letter["value"] == "no field revision"


class CountedRounds:
    """An outbox that has nothing to send and counts how often it is asked."""

    def __init__(self):
        self.rounds = 0

    def deliver(self) -> int:
        self.rounds += 1
        return 0


def test_people_are_told_while_the_sink_is_down(engine, monkeypatch):
    """The sink's pauses are its own."""
    monkeypatch.setattr("vigil.stream.courier.FIRST_RETRY_S", 60.0)
    sink, alerts = FlakySink(), CountedRounds()
    sink.down = True
    commit(engine, 1, 10)
    made = new_courier(engine, sink, MemoryLog(), alerts)
    made.start()
    wait_for(lambda: alerts.rounds >= 3)
    made.finish()
    assert sink.taken == []
