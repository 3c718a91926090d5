"""Partitions that are behind are waited for, those that are silent are not."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from vigil.detect import DetectorSettings, OnlineDetector
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_EVENTS
from vigil.simulate import SimulationPlan, simulate_chunk
from vigil.stores import open_log
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.log import Message, StoredMessage
from vigil.stream import intake
from vigil.stream import scorer as stream_scorer
from vigil.stream.assembly import open_scorer
from vigil.stream.pipeline import Pipeline
from vigil.windows.tumbling import WindowSpec

START_AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
NOW_AT = datetime(2026, 3, 2, 13, tzinfo=UTC)
KEY = b"a"
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


def test_a_silent_partition_is_left_aside_while_the_others_are_busy(
    store_settings, hour, monkeypatch
):
    """It has nothing unread: the windows that it holds back close although no pause comes."""
    # So long a pause would have to be, for nothing to come.
    monkeypatch.setattr(stream_scorer, "WAIT_S", 10.0)
    monkeypatch.setattr(stream_scorer, "IDLE_AFTER_S", 0.5)
    stop = threading.Event()
    with closing(open_log(store_settings)) as log:
        log.create_topic(TOPIC_EVENTS, 2)
        log.append(TOPIC_EVENTS, hour[:2])

        def windows() -> int:
            with scorer.checkpoints.engine.connect() as connection:
                query = "SELECT count(DISTINCT window_start) FROM request_windows"
                return connection.execute(sa.text(query)).scalar_one()

        with ThreadPoolExecutor(1) as pool, open_scorer(store_settings, "test", None) as scorer:
            running = pool.submit(scorer.run, stop)
            try:
                for message in hour[2:] * 20:
                    # A key has them all in one partition.
                    log.append(TOPIC_EVENTS, [Message(message.value, message.headers, KEY)])
                    if windows() > len(hour):
                        break
                    time.sleep(0.05)
            finally:
                stop.set()
            running.result()
            assert sorted(log.end_offsets(TOPIC_EVENTS).values())[0] == 1
            assert windows() > len(hour)


def test_after_a_pause_all_partitions_are_waited_for_again(hour):
    """Any may have a backlog, whoever is read first."""
    pipeline = Pipeline(WindowSpec(), Limits(), OnlineDetector(DetectorSettings()))
    stored = [StoredMessage(TOPIC_EVENTS, at % 2, at, NOW_AT, item) for at, item in enumerate(hour)]
    first = {(TOPIC_EVENTS, part): [stored[part]] for part in range(2)}
    before = pipeline.step(first, NOW_AT).outputs
    for part in range(2):
        pipeline.mark_idle(TOPIC_EVENTS, part)
    alone = pipeline.step({(TOPIC_EVENTS, 0): stored[2::2]}, NOW_AT).outputs
    after = pipeline.step({(TOPIC_EVENTS, 1): stored[3::2]}, NOW_AT).outputs
    assert before.late.height + alone.late.height + after.late.height == 0
    assert after.request_windows.height > alone.request_windows.height
