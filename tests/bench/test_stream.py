"""The stream's benchmarks: what they time is what they say they time."""

import itertools
import json
import os
import signal
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from real_servers import require, started

from vigil.bench.stream import PATHS, measure_checkpoint, measure_path, measure_scoring
from vigil.bench.stream import soak as soaking
from vigil.bench.stream.history import keep
from vigil.bench.stream.live import BEGIN_S, carried_rate, measure_latency
from vigil.bench.stream.load import messages, traffic
from vigil.bench.stream.sharing import measure_sharing
from vigil.bench.stream.soak import soak, soak_seconds
from vigil.bench.stream.throughput import _timed, empty_tables
from vigil.config import load_settings
from vigil.errors import VigilError
from vigil.events.content import CONTENT_TYPE, JSON
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_EVENTS
from vigil.servers import KafkaServer
from vigil.stores.log import MessageBatch, StoredMessage, lag_messages
from vigil.stream.decoding import decode_batch


def test_both_forms_carry_the_same_events_in_order():
    """As many as asked for, seeded."""
    table = traffic(2_500, seed=3)
    assert table.num_rows == 2_500
    assert table.equals(traffic(2_500, seed=3))
    single, batches = list(messages(table, "json")), list(messages(table, "arrow"))
    assert len(single) == 2_500
    assert len(batches) == 3
    assert single[0].headers == {CONTENT_TYPE: JSON}


def test_limit_and_scorer_read_all_events_of_each_form(store_settings):
    """A form that one of them could not decode would be an error, not a fast time."""
    table = traffic(3_000, seed=3)
    ticks = []
    for number, path in enumerate((PATHS[0], PATHS[2])):
        settings = store_settings.model_copy(
            update={"log_url": f"sqlite:///{store_settings.home / str(number)}.sqlite"}
        )
        timing = measure_path(path, settings, table, 1, lambda: ticks.append(1))
        assert timing["events"] == 3_000
        assert timing["ratio"] > 0
    assert len(ticks) == 4


def test_live_events_are_sent_by_another_process_and_all_scored(store_settings):
    """At a rate, where windows are timed, and as fast as can be."""
    logs = (store_settings.home / f"{name}.sqlite" for name in ("rate", "most"))
    at_rate, at_most = (
        store_settings.model_copy(update={"log_url": f"sqlite:///{path}"}) for path in logs
    )
    found = measure_latency(at_rate, 2_000, BEGIN_S + 4, seed=3)
    assert found["sent_events_per_s"] == pytest.approx(2_000, rel=0.2)
    assert found["windows"] > 0
    empty_tables(at_most)
    assert carried_rate(at_most, 1, seed=3) > 0


def test_a_reading_that_misses_events_is_refused():
    """Its timing would mean nothing."""
    with pytest.raises(VigilError, match="9 of 10 events"):
        _timed(lambda: 9, 10)


def test_scoring_is_measured_for_as_many_series_as_asked():
    """A window of each."""
    assert measure_scoring(30, 2, lambda: None)["series"] == 30


def test_a_checkpoint_writes_less_within_a_window_than_at_its_end(store_settings):
    """And what was written restores every series."""
    found = measure_checkpoint(store_settings, 3_000)
    assert found["series"] == 3_000
    assert 0 < found["written_mb_within_a_window"] < found["written_mb_at_its_end"]


def test_a_soak_has_late_doubled_and_broken_events_in_their_shares():
    """5 %, 1 % and 0.1 %; late by more than windows take to close, and not by more
    than they may be revised.
    """
    now_at = datetime.now(UTC)
    frames, dead, records = [], 0, 0
    for second, pieces in enumerate(itertools.islice(soak_seconds(seed=2), 20)):
        stored = [
            StoredMessage(TOPIC_EVENTS, 0, number, now_at, message)
            for number, (message, _) in enumerate(pieces)
        ]
        batch = MessageBatch.of(stored)
        found = decode_batch(TOPIC_EVENTS, 0, batch, now_at, Limits(), ())
        frames.append(found.records.select("time", "span_id", second=pl.lit(second)))
        dead += found.dead.height
        records += sum(count for _, count in pieces)
    events = pl.concat(frames)
    assert events.height + dead == records, "what is said to be sent is sent"
    assert dead / records == pytest.approx(0.001, rel=0.1)
    single = events.unique(["second", "span_id"])
    assert (events.height - single.height) / single.height == pytest.approx(0.01, rel=0.5)
    began = pl.col("time").quantile(0.06).over("second")
    late = single.filter(pl.col("time") < began - pl.duration(seconds=15))
    assert late.height / single.height == pytest.approx(0.05, rel=0.1)


def test_workers_are_timed_beside_one_process(server_home, new_database, tmp_path):
    """Through real processes on a real Kafka; each reads all events, or it would be an error."""
    require(KafkaServer.name, KafkaServer.missing())
    ticks = []
    with KafkaServer(server_home / tmp_path.name) as broker:
        started(broker)
        url = f"kafka://{broker.address}?partitions=2"
        settings = load_settings(home=tmp_path, log_url=url, store_url=new_database())
        row = measure_sharing(
            PATHS[1], lambda _: settings, traffic(20_000, 3), 2, 1, lambda: ticks.append(1)
        )
    assert len(ticks) == 2
    assert (row["events"], row["workers"]) == (20_000, 2)
    measured = ("one_process_cpu_us", "workers_cpu_us", "gatherer_cores", "gain")
    assert all(row[name] > 0 for name in measured)


def test_ctrl_c_ends_a_soak_with_what_there_is(store_settings, monkeypatch, tmp_path):
    """All that was sent is counted, and the readings are kept with a picture."""
    monkeypatch.setattr(soaking, "EVENTS_PER_S", 100)
    monkeypatch.setattr(soaking, "SAMPLE_S", 1.0)
    looks = itertools.count(1)

    def look(*about: Any) -> dict[tuple[str, int], int]:
        if next(looks) == 9:
            os.kill(os.getpid(), signal.SIGINT)
        return lag_messages(*about)

    monkeypatch.setattr(soaking, "lag_messages", look)
    found = soak(store_settings, 60.0, seed=1)
    assert len(found["readings"]) == 9
    assert found["records_not_counted"] == 0
    assert found["dead"] == pytest.approx(found["records"] / 1_001, rel=0.05)
    report = {
        "circumstances": {"at": "2026-03-02T10:00:00+00:00"},
        "throughput": [{"path": "a", "ratio": 1}],
    }
    lines, *pictures = keep(tmp_path / "kept", report | {"soak": found})
    assert json.loads(lines.read_text())["soak"]["readings"] == found["readings"]
    assert [path.name for path in pictures if path.stat().st_size] == ["stream.png", "soak.png"]
