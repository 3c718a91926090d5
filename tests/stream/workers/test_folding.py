"""Workers without Kafka: what they hand over, put together, is the stream in one piece."""

import itertools
from datetime import UTC, datetime, timedelta
from functools import cache

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from vigil.detect import DetectorSettings, OnlineDetector
from vigil.errors import UsageError
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_DEAD_LETTERS, TOPIC_EVENTS, TOPIC_METRICS
from vigil.simulate import SimulationPlan, simulate_chunk
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.checkpoint import Outputs
from vigil.stores.log import Message, MessageBatch, StoredMessage
from vigil.stream.pipeline import Pipeline
from vigil.stream.series import SeriesDirectory
from vigil.stream.state import State
from vigil.stream.workers.folding import HandOver, PartitionFold, Position, together
from vigil.stream.workers.gathering import PartialsPipeline
from vigil.stream.workers.partials import TOPIC_PARTIALS, Account
from vigil.windows.tumbling import WindowSpec

START_AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
NOW_AT = datetime(2026, 3, 2, 13, tzinfo=UTC)
SPEC = WindowSpec(window_s=10, out_of_order_s=5, lateness_s=60)
PARTITIONS = 3
ACCOUNT = Account("host-7", accepted=0, dead=0, cpu_s=0.0)

Place = tuple[str, int]
IDENTITY = {
    "request_windows": ["key_id", "window_start"],
    "metric_windows": ["series_id", "window_start"],
    "scores": ["series_id", "window_start"],
    "series": ["series_id"],
    "edges": ["window_start", "caller", "service", "environment"],
}


@cache
def log() -> dict[Place, list[StoredMessage]]:
    """Five minutes of requests, 40 a message, over three partitions without regard to series; one
    message comes again much too late, one is broken. Metrics in one partition.
    """
    table = simulate_chunk(SimulationPlan(START_AT, 300, 1.0, seed=5, faults=()), 0)
    requests = arrow_messages(table, 40)
    broken = Message(b'{"time": "yesterday"}\n{"time"', {CONTENT_TYPE: NDJSON})
    places: dict[Place, list[Message]] = {
        (TOPIC_EVENTS, part): requests[part::PARTITIONS] for part in range(PARTITIONS)
    }
    places[TOPIC_EVENTS, 1] = [*places[TOPIC_EVENTS, 1], broken, requests[1]]
    points = [
        orjson.dumps(
            {"service": "db", "metric": "cpu", "time": START_AT.timestamp() + s, "value": s}
        )
        for s in range(0, 300, 5)
    ]
    places[TOPIC_METRICS, 0] = [
        Message(b"\n".join(points[at : at + 10]), {CONTENT_TYPE: NDJSON}) for at in range(0, 60, 10)
    ]
    return {
        place: [StoredMessage(*place, at, NOW_AT, message) for at, message in enumerate(messages)]
        for place, messages in places.items()
    }


def new_pipeline() -> PartialsPipeline:
    """A scorer's, that waits for all partitions of the log."""
    pipeline = PartialsPipeline(SPEC, Limits(), OnlineDetector(DetectorSettings()))
    pipeline.wait_for(log())
    return pipeline


def new_fold(place: Place, position: Position) -> PartitionFold:
    """In a worker that has met no series yet."""
    return PartitionFold(*place, SPEC, Limits(), SeriesDirectory(), position)


def committed(place: Place, handed: HandOver) -> list[tuple[str, Message]]:
    """What a worker commits for it, having met the series of the log."""
    return together(place[0], [handed], directory(), ACCOUNT)


@cache
def directory() -> SeriesDirectory:
    """Of all series in the log."""
    series = SeriesDirectory()
    for place, found in log().items():
        fold = PartitionFold(*place, SPEC, Limits(), series, Position(0, 0))
        fold.take(MessageBatch.of(found), NOW_AT)
    return series


class Gathered:
    """A pipeline and what it gives, from hand-overs in the order of their commits."""

    def __init__(self) -> None:
        self.pipeline = new_pipeline()
        self.outputs: list[Outputs] = []
        self.letters: list[Message] = []

    def take(self, messages: list[tuple[str, Message]], finish: bool = False) -> None:
        """One step."""
        self.letters += [message for topic, message in messages if topic == TOPIC_DEAD_LETTERS]
        stored = [
            StoredMessage(topic, 0, 0, NOW_AT, message)
            for topic, message in messages
            if topic == TOPIC_PARTIALS
        ]
        reading = self.pipeline.read(TOPIC_PARTIALS, 0, stored, NOW_AT)
        self.outputs.append(self.pipeline.take([reading], finish).outputs)

    def restart(self) -> None:
        """Go on from what a checkpoint keeps."""
        parts = self.pipeline.state().parts()
        kept = {name: part.content() for name, part in parts.items()}
        counters = dict(self.pipeline.counters)
        self.pipeline = new_pipeline()
        self.pipeline.restore(State.of(kept), counters)


def table(outputs: list[Outputs], name: str) -> pl.DataFrame:
    """The rows of an output; of a window, its last revision; of edges, their sums."""
    rows = pl.concat([getattr(found, name) for found in outputs], how="diagonal_relaxed")
    if name == "edges":
        counted = pl.col("requests", "errors", "duration_ms_sum").sum()
        return rows.group_by(IDENTITY[name]).agg(counted).sort(IDENTITY[name])
    if "revision" in rows.columns:
        rows = rows.sort("revision").unique(IDENTITY[name], keep="last").drop("revision")
    return rows.sort(IDENTITY[name])


@cache
def alone() -> tuple[list[Outputs], dict[str, int]]:
    """Outputs and counters of one scorer that has read everything."""
    pipeline = Pipeline(SPEC, Limits(), OnlineDetector(DetectorSettings()))
    pipeline.wait_for(log())
    outputs = [pipeline.step(log(), NOW_AT).outputs, pipeline.step({}, NOW_AT, True).outputs]
    assert all(table(outputs, name).height for name in IDENTITY), "must compare something"
    assert pipeline.counters["late"] > 10
    return outputs, pipeline.counters


def assert_as_alone(gathered: Gathered) -> None:
    """Every window, score, edge and count, and the dead letters."""
    outputs, counters = alone()
    for name in IDENTITY:
        found, expected = table(gathered.outputs, name), table(outputs, name)
        assert_frame_equal(found, expected.select(found.columns), rel_tol=1e-9)
    same = ("read", "accepted", "dead", "late")
    found = {name: gathered.pipeline.counters[name] for name in same}
    assert found == {name: counters[name] for name in same}
    late = pl.concat([item.late for item in gathered.outputs])
    assert late["records"].sum() == counters["late"]
    lines = [line for letter in gathered.letters for line in letter.value.splitlines()]
    assert len(lines) == counters["dead"]


def cuts(size: int) -> st.SearchStrategy[list[int]]:
    """Where a partition's messages are cut into reads."""
    return st.lists(st.integers(0, size), max_size=3).map(lambda at: [0, *sorted(at), size])


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_workers_together_give_what_one_scorer_gives(data):
    """However partitions are cut into reads, killed between them, handed on, or gathered."""
    gathered = Gathered()
    folds = {place: new_fold(place, Position(0, 0)) for place in log()}
    for place, fold in folds.items():
        gathered.take(committed(place, fold.announce()))
        for start, stop in itertools.pairwise(data.draw(cuts(len(log()[place])))):
            fold = folds[place]
            if start < stop:
                fold.take(MessageBatch.of(log()[place][start:stop]), NOW_AT)
            fate = data.draw(st.sampled_from(["commit", "hand on", "kill", "go on", "restart"]))
            if fate in ("commit", "hand on"):
                gathered.take(committed(place, fold.hand_over(everything=fate == "hand on")))
            if fate == "restart":
                gathered.restart()
            if fate in ("hand on", "kill"):
                folds[place] = new_fold(place, Position.of_note(fold.position.to_note()))
                replayed = log()[place][folds[place].position.replay_offset : stop]
                if replayed:
                    folds[place].take(MessageBatch.of(replayed), NOW_AT)
    for place, fold in folds.items():
        gathered.take(committed(place, fold.hand_over(everything=True)))
    gathered.take([], finish=True)
    assert_as_alone(gathered)


def test_a_partition_that_has_said_nothing_is_waited_for_until_it_is_idle():
    """Its windows would close without it; once it says it is idle, the others go on."""
    *busy, place = [found for found in log() if found[0] == TOPIC_EVENTS]
    gathered = Gathered()
    for other in busy:
        fold = new_fold(other, Position(0, 0))
        fold.take(MessageBatch.of(log()[other]), NOW_AT)
        gathered.take(committed(other, fold.hand_over()))
    assert not table(gathered.outputs, "request_windows").height
    quiet = new_fold(place, Position(0, 0))
    gathered.take(committed(place, quiet.announce()))
    assert not table(gathered.outputs, "request_windows").height
    gathered.take(committed(place, quiet.hand_over(everything=True, is_idle=True)))
    assert table(gathered.outputs, "request_windows").height


def test_a_partition_with_nothing_but_broken_messages_holds_nobody_back():
    """It has no event time to wait for."""
    place = (TOPIC_EVENTS, 0)
    fold = new_fold(place, Position(0, 0))
    broken = Message(b"{}", {CONTENT_TYPE: NDJSON})
    fold.take(MessageBatch.of([StoredMessage(*place, 0, NOW_AT, broken)]), NOW_AT)
    progress = fold.hand_over().progress
    assert (progress.is_idle, progress.dead) == (True, 1)


def test_workers_that_went_on_elsewhere_are_refused():
    """A database restored beside the log, or two scorers' workers: counting would be wrong."""
    place = (TOPIC_EVENTS, 0)
    gathered = Gathered()
    first = new_fold(place, Position(0, 0))
    first.take(MessageBatch.of(log()[place][:3]), NOW_AT)
    gathered.take(committed(place, first.hand_over()))
    other = new_fold(place, Position(2, 2))
    other.take(MessageBatch.of(log()[place][2:4]), NOW_AT)
    with pytest.raises(UsageError, match="offset 2, the last checkpoint is at 3"):
        gathered.take(committed(place, other.hand_over()))


def test_a_scorer_hands_over_to_workers_and_not_back():
    """Its open windows go on with theirs; a scorer alone cannot see what workers hold."""
    half = {place: messages[: len(messages) // 2] for place, messages in log().items()}
    before = Pipeline(SPEC, Limits(), OnlineDetector(DetectorSettings()))
    before.wait_for(log())
    outputs = [before.step(half, NOW_AT).outputs]
    gathered = Gathered()
    gathered.pipeline.restore(before.state(), before.counters)
    for place, messages in log().items():
        at = len(half[place])
        fold = new_fold(place, Position(at, at))
        fold.take(MessageBatch.of(messages[at:]), NOW_AT + timedelta(seconds=1))
        gathered.take(committed(place, fold.hand_over(everything=True)))
    gathered.take([], finish=True)
    gathered.outputs = outputs + gathered.outputs
    assert_as_alone(gathered)
    with pytest.raises(UsageError, match="--workers"):
        before.restore(gathered.pipeline.state(), {})
