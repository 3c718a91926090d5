"""Splitting and shards, without Flink: all shards together are the stream in one piece."""

import itertools
from datetime import UTC, datetime
from functools import cache

import orjson
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from vigil.detect import DetectorSettings, OnlineDetector
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_DEAD_LETTERS, TOPIC_EVENTS, TOPIC_METRICS
from vigil.simulate import SimulationPlan, simulate_chunk
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.log import Message, StoredMessage
from vigil.stream.flink import tables
from vigil.stream.flink.piece import Piece, shard_of
from vigil.stream.flink.shard import Shard, Share
from vigil.stream.flink.splitting import SourceMessage, Splitter
from vigil.stream.pipeline import Pipeline
from vigil.stream.tables import TABLE, Output, table_rows
from vigil.windows.tumbling import WindowSpec

START_AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
NOW_AT = datetime(2026, 3, 2, 13, tzinfo=UTC)
SPEC = WindowSpec(window_s=10, out_of_order_s=5, lateness_s=60)
LIMITS = Limits()
PARTITIONS = 2
COMPARED = (tables.REQUEST_WINDOWS, tables.METRIC_WINDOWS, tables.SCORES)


def stored(topic: str, messages: list[Message]) -> list[StoredMessage]:
    """Messages as two partitions hold them."""
    return [
        StoredMessage(topic, number % PARTITIONS, number // PARTITIONS, NOW_AT, message)
        for number, message in enumerate(messages)
    ]


@cache
def messages() -> list[StoredMessage]:
    """Ten minutes of requests, 40 a message and some of them too late; metrics; a broken line."""
    table = simulate_chunk(SimulationPlan(START_AT, 300, 1.0, seed=5, faults=()), 0)
    found = stored(TOPIC_EVENTS, arrow_messages(table, 40))
    late = found[2].message
    broken = Message(b'{"time": "yesterday"}\n{"time"', {CONTENT_TYPE: NDJSON})
    point = {"service": "db"}
    points = [
        orjson.dumps(point | {"time": START_AT.timestamp() + at_s, "metric": name, "value": at_s})
        for at_s in range(0, 300, 5)
        for name in ("cpu", "disk", "threads")
    ]  # fmt: skip
    metrics = [
        Message(b"\n".join(points[at : at + 30]), {CONTENT_TYPE: NDJSON})
        for at in range(0, 180, 30)
    ]
    size = len(found)
    found += stored(TOPIC_EVENTS, [broken] * (2 + size % 2))
    found.append(StoredMessage(TOPIC_EVENTS, 0, 10_000, NOW_AT, late))
    return found + stored(TOPIC_METRICS, metrics)


def of_source(message: StoredMessage) -> SourceMessage:
    """The message as Flink's source hands it over."""
    return SourceMessage(
        message.topic,
        message.partition,
        message.offset,
        int(message.appended_at.timestamp() * 1000),
        message.message.headers.get(CONTENT_TYPE, ""),
        message.message.value,
    )


def new_shard(number: int, count: int) -> Shard:
    """An empty shard."""
    share = Share(number, count, dict.fromkeys((TOPIC_EVENTS, TOPIC_METRICS), PARTITIONS))
    return Shard(share, SPEC, OnlineDetector(DetectorSettings()))


def run_shards(messages: list[StoredMessage], count: int, cuts: list[int]) -> list[Output]:
    """All outputs of `count` shards whose splitter got the messages in batches."""
    splitter = Splitter(count, LIMITS)
    shards = [new_shard(number, count) for number in range(count)]
    outputs: list[Output] = []
    edges = [0, *sorted(cuts), len(messages)]
    for start, stop in itertools.pairwise(edges):
        for piece in splitter.split([of_source(m) for m in messages[start:stop]], NOW_AT):
            blob = piece.to_bytes()
            shard = shards[shard_of(blob)]
            if shard.take(blob):
                outputs += shard.step()
    for shard in shards:
        outputs += shard.step()
    return outputs


def rows_of(outputs: list[Output], table: str) -> pl.DataFrame:
    """The last revision of each row of a table."""
    found = [table_rows(item.value) for item in outputs if item.headers.get(TABLE) == table]
    rows = pl.concat([rows for rows in found if rows.height], how="vertical_relaxed")
    identity = [name for name in ("key_id", "series_id", "window_start") if name in rows.columns]
    ordered = rows.sort(*identity, "revision").unique(identity, keep="last")
    return ordered.drop("revision", "worst_traces", strict=False).sort(identity)


@cache
def native() -> dict[str, pl.DataFrame]:
    """Windows and scores of Vigil's own stream."""
    pipeline = Pipeline(SPEC, LIMITS, OnlineDetector(DetectorSettings()))
    batches: dict[tuple[str, int], list[StoredMessage]] = {}
    for message in messages():
        batches.setdefault((message.topic, message.partition), []).append(message)
    step = pipeline.step(batches, NOW_AT)
    found = {
        tables.REQUEST_WINDOWS: step.outputs.request_windows,
        tables.METRIC_WINDOWS: step.outputs.metric_windows,
        tables.SCORES: step.scored,
        tables.LATE: step.outputs.late,
        tables.EDGES: step.outputs.edges,
    }
    assert all(frame.height for frame in found.values()), "the test must compare something"
    return found | {"counters": pl.DataFrame(pipeline.counters)}


@settings(max_examples=4, deadline=None)
@given(st.integers(1, 5), st.lists(st.integers(0, 40), max_size=4))
def test_all_shards_together_give_what_the_stream_gives_in_one_piece(count, cuts):
    """Every window, score and late record, whatever the number of shards and the batches."""
    outputs = run_shards(messages(), count, cuts)
    for table in COMPARED:
        found = rows_of(outputs, table)
        expected = native()[table].select(found.columns)
        identity = [
            name for name in ("key_id", "series_id", "window_start") if name in found.columns
        ]
        assert_frame_equal(found, expected.sort(identity), rel_tol=1e-9)
    late = [table_rows(o.value) for o in outputs if o.headers.get(TABLE) == tables.LATE]
    assert sum(rows["records"].sum() for rows in late) == native()[tables.LATE]["records"].sum()


def test_what_was_read_is_counted_once_and_dead_letters_go_along():
    """Accepted and dead records add up over the shards to those of the stream in one piece."""
    outputs = run_shards(messages(), 3, [20])
    counted = {
        name: sum(int(output.headers.get(name, 0)) for output in outputs)
        for name in (tables.ACCEPTED, tables.DEAD)
    }
    counters = native()["counters"].row(0, named=True)
    assert counted == {tables.ACCEPTED: counters["accepted"], tables.DEAD: counters["dead"]}
    letters = [output for output in outputs if output.topic == TOPIC_DEAD_LETTERS]
    lines = [line for output in letters for line in output.value.split(b"\n")]
    assert len(lines) == counters["dead"]
    assert {"field", "rule", "value", "place"} <= set(orjson.loads(lines[0]))


@given(st.data())
@settings(max_examples=4, deadline=None)
def test_a_shard_that_was_killed_goes_on_from_its_last_step_and_the_pieces_since(data):
    """Its outputs are those of one that was never disturbed."""
    splitter = Splitter(2, LIMITS)
    blobs = [
        piece.to_bytes()
        for start in range(0, len(messages()), 7)
        for piece in splitter.split([of_source(m) for m in messages()[start : start + 7]], NOW_AT)
        if piece.shard == 1
    ]
    crash = data.draw(st.integers(0, len(blobs)))
    calm, shard = new_shard(1, 2), new_shard(1, 2)
    state, since = shard.state(), []
    outputs: list[Output] = []
    expected: list[Output] = []
    for number, blob in enumerate(blobs):
        if number == crash:
            shard = new_shard(1, 2)
            shard.restore(state)
            for again in since:
                shard.take(again)
        since.append(blob)
        due = shard.take(blob)
        assert due == calm.take(blob)
        if due:
            outputs += shard.step()
            expected += calm.step()
            state, since = shard.state(), []
    assert [output.headers for output in outputs] == [output.headers for output in expected]
    for table in COMPARED:
        assert_frame_equal(rows_of(outputs, table), rows_of(expected, table), rel_tol=1e-9)


def test_a_piece_is_read_as_it_was_written():
    """Records, progress and counts; its origin can be told without reading the records."""
    pieces = Splitter(3, LIMITS).split([of_source(message) for message in messages()], NOW_AT)
    for piece in pieces:
        found = Piece.from_bytes(piece.to_bytes())
        assert found.records.equals(piece.records)
        assert found.progress.preceding_us.tolist() == piece.progress.preceding_us.tolist()
        assert (found.accepted, found.shard) == (piece.accepted, shard_of(piece.to_bytes()))
        assert Piece.origin(piece.to_bytes()) == ((piece.topic, piece.partition), piece.appended_ms)
