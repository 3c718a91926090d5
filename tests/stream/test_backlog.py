"""A scorer that begins behind: it waits for every partition that has something to read."""

import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest

from vigil.detect import DetectorSettings, OnlineDetector
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_EVENTS
from vigil.simulate import SimulationPlan, simulate_chunk
from vigil.stores import open_log
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.log import Message, StoredMessage
from vigil.stream import intake
from vigil.stream.assembly import open_scorer
from vigil.stream.pipeline import Pipeline
from vigil.windows.tumbling import WindowSpec

START_AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
NOW_AT = datetime(2026, 3, 2, 13, tzinfo=UTC)
BROKEN = Message(b"{}", {CONTENT_TYPE: NDJSON})


@pytest.fixture
def hour() -> list[Message]:
    """An hour of requests, a minute or so in each message."""
    return arrow_messages(simulate_chunk(SimulationPlan(START_AT, 3600, 1.0, 5, ()), 0), 200)


def test_what_is_read_later_is_not_late(store_settings, hour, monkeypatch):
    """The first partition to be read has the later half of the hour, and is a step of its own."""
    for name, value in {"MESSAGES_PER_READ": 1, "BYTES_PER_STEP": 1, "BYTES_AHEAD": 1}.items():
        monkeypatch.setattr(intake, name, value)
    half = len(hour) // 2
    with closing(open_log(store_settings)) as log:
        log.create_topic(TOPIC_EVENTS, 2)
        for later, earlier in zip(hour[half:], hour[:half], strict=False):
            log.append(TOPIC_EVENTS, [later, earlier])
        assert all(log.end_offsets(TOPIC_EVENTS).values())
    with open_scorer(store_settings, "test", show=None) as scorer:
        scorer.run(threading.Event(), drain=True)
        assert scorer.pipeline.counters["accepted"] > 10_000
        assert scorer.pipeline.counters["late"] == 0


def test_a_partition_without_a_valid_record_holds_nobody_back(hour):
    """It was looked at: there is no event time to wait for."""
    pipeline = Pipeline(WindowSpec(), Limits(), OnlineDetector(DetectorSettings()))
    pipeline.wait_for([(TOPIC_EVENTS, 0), (TOPIC_EVENTS, 1)])
    stored = [
        StoredMessage(TOPIC_EVENTS, 0, at, NOW_AT, message) for at, message in enumerate(hour)
    ]
    step = pipeline.step({(TOPIC_EVENTS, 0): stored}, NOW_AT)
    assert step.outputs.request_windows.is_empty()
    broken = [StoredMessage(TOPIC_EVENTS, 1, 0, NOW_AT, BROKEN)]
    step = pipeline.step({(TOPIC_EVENTS, 1): broken}, NOW_AT)
    assert step.outputs.request_windows.height
