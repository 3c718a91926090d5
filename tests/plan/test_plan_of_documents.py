"""What a plan says of Elasticsearch, against a real one."""

from datetime import UTC, datetime, timedelta

import pytest
from elasticsearch import Elasticsearch

from vigil.config import load_settings
from vigil.detect import OnlineDetector
from vigil.events.schema import TOPIC_EVENTS
from vigil.plan.estimate import DOCUMENT_BYTES
from vigil.simulate import SimulationPlan, chunk_count, simulate_chunk
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.documents import GRAPH_INDEX, SCORES_INDEX
from vigil.stores.elastic import ElasticSink
from vigil.stores.log import StoredMessage
from vigil.stream.pipeline import Pipeline
from vigil.windows.tumbling import WindowSpec

START_AT = datetime(2031, 3, 3, tzinfo=UTC)
HOURS = 4


def steps():
    """Some hours of the simulated estate, an hour a step."""
    pipeline = Pipeline(WindowSpec(60, 5, 60), load_settings().limits, OnlineDetector())
    plan = SimulationPlan(START_AT, HOURS * 3600, 0.3, seed=1)
    for index in range(chunk_count(plan)):
        messages = [
            StoredMessage(TOPIC_EVENTS, 0, 1_000 * index + number, START_AT, message)
            for number, message in enumerate(arrow_messages(simulate_chunk(plan, index)))
        ]
        now_at = START_AT + timedelta(hours=HOURS)
        yield pipeline.step({(TOPIC_EVENTS, 0): messages}, now_at, index + 1 == chunk_count(plan))


def test_documents_take_the_planned_room(elasticsearch):
    """Bytes of a decision and of a call, within a quarter."""
    sink = ElasticSink(elasticsearch.url)
    client = Elasticsearch(elasticsearch.url)
    for step in steps():
        assert not sink.write_scores(step.scored)
        assert not sink.write_edges(step.outputs.edges)
    for name, index in (("scores", SCORES_INDEX), ("service_edges", GRAPH_INDEX)):
        # A year that no other test writes to has indices of its own.
        pattern = f"{index}-{START_AT:%Y}*"
        client.indices.refresh(index=pattern)
        client.indices.flush(index=pattern)
        client.indices.forcemerge(index=pattern, max_num_segments=1)
        found = client.indices.stats(index=pattern)["_all"]["primaries"]
        room = found["store"]["size_in_bytes"] / found["docs"]["count"]
        assert DOCUMENT_BYTES[name] == pytest.approx(room, rel=0.25), name
    client.close()
    sink.close()
