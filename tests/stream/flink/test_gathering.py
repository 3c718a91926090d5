"""From the shards' outputs to the database's tables, incidents and alerts."""

import threading
from contextlib import closing
from datetime import timedelta

import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal
from test_shards import NOW_AT, SPEC, messages, native, rows_of, run_shards

from vigil.detect import DetectorSettings, OnlineDetector
from vigil.errors import UsageError
from vigil.events.decode import Limits
from vigil.stores import open_log
from vigil.stores.log import Message, StoredMessage
from vigil.stream.assembly import Engine, open_scorer
from vigil.stream.flink import tables
from vigil.stream.flink.gathering import Gathering
from vigil.stream.flink.options import READ, WRITTEN
from vigil.stream.pipeline import Pipeline
from vigil.stream.tables import TABLE, Output, table_rows


def as_stored(outputs: list[Output]) -> dict[tuple[str, int], list[StoredMessage]]:
    """Outputs as the log holds them, one partition each."""
    batches: dict[tuple[str, int], list[StoredMessage]] = {}
    for output in outputs:
        if output.topic in Gathering.topics:
            kept = batches.setdefault((output.topic, 0), [])
            message = Message(output.value, output.headers)
            kept.append(StoredMessage(output.topic, 0, len(kept), NOW_AT, message))
    return batches


def test_it_commits_what_the_stream_in_one_piece_commits():
    """Windows, scores, keys, series, edges of the service graph, late records and counters."""
    gathering = Gathering(SPEC.window_s)
    step = gathering.step(as_stored(run_shards(messages(), 3, [20])), NOW_AT)
    expected = native()
    for table, found in (
        (tables.REQUEST_WINDOWS, step.outputs.request_windows.drop("revision")),
        (tables.METRIC_WINDOWS, step.outputs.metric_windows.drop("revision")),
    ):
        names = [name for name in found.columns if name in expected[table].columns]
        by = [names[0], "window_start"]
        assert_frame_equal(
            found.select(names).sort(by), expected[table].select(names).sort(by), rel_tol=1e-9,
            check_dtypes=False,
        )  # fmt: skip
    by = ["window_start", "caller", "service", "environment"]
    assert_frame_equal(step.outputs.edges.sort(by), expected[tables.EDGES].sort(by), rel_tol=1e-9)
    assert step.outputs.scores.height == expected[tables.SCORES].height
    assert set(step.outputs.series["series_id"]) == set(expected[tables.SCORES]["series_id"])
    assert set(step.outputs.keys["key_id"]) == set(expected[tables.SCORES]["key_id"])
    counters = expected["counters"].row(0, named=True)
    same = ("read", "accepted", "dead", "late", "scores")
    assert {name: gathering.counters[name] for name in same} == {
        name: counters[name] for name in same
    }


def test_decisions_wait_for_the_slowest_shard():
    """One that has said nothing yet holds all of them back; windows are kept at once."""
    outputs = run_shards(messages(), 3, [20])
    silent = [output for output in outputs if output.headers.get(tables.SHARD) != "1"]
    gathering = Gathering(SPEC.window_s)
    step = gathering.step(as_stored(silent), NOW_AT)
    assert step.outputs.scores.is_empty()
    assert step.outputs.request_windows.height
    resumed = Gathering(SPEC.window_s)
    resumed.restore(gathering.state(), gathering.counters)
    rest = [output for output in outputs if output.headers.get(tables.SHARD) == "1"]
    whole = rows_of(outputs, tables.SCORES)
    assert resumed.step(as_stored(rest), NOW_AT).outputs.scores.height == whole.height


def test_it_takes_over_from_the_engine_of_vigil_and_scores_nothing_again():
    """Windows that were scored before are left alone; there is no way back."""
    pipeline = Pipeline(SPEC, Limits(), OnlineDetector(DetectorSettings()))
    half = messages()[:20]
    batches: dict[tuple[str, int], list[StoredMessage]] = {}
    for message in half:
        batches.setdefault((message.topic, message.partition), []).append(message)
    before = pipeline.step(batches, NOW_AT)
    gathering = Gathering(SPEC.window_s)
    gathering.restore(pipeline.state(), pipeline.counters)
    step = gathering.step(as_stored(run_shards(messages(), 2, [])), NOW_AT + timedelta(hours=1))
    last = before.outputs.scores["window_start"].max()
    assert step.outputs.scores["window_start"].min() > last
    with pytest.raises(UsageError, match="--engine flink"):
        pipeline.restore(gathering.state(), {})


def test_a_scorer_takes_from_the_log_what_the_shards_wrote(store_settings):
    """`vigil score --engine flink --drain`: windows and scores are in the database afterwards."""
    settings = store_settings
    outputs = run_shards(messages(), 2, [])
    with closing(open_log(settings)) as log:
        for topic in Gathering.topics:
            log.append(topic, [Message(o.value, o.headers) for o in outputs if o.topic == topic])
    with open_scorer(settings, "vigil-scorer", None, Engine.FLINK) as scorer:
        scorer.run(threading.Event(), drain=True)
        with scorer.checkpoints.engine.connect() as connection:
            counted = {
                table: connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar()
                for table in ("request_windows", "metric_windows", "scores", "service_edges")
            }
        assert all(scorer.event_log.partitions(topic) for topic in (*READ, *WRITTEN))
    expected = native()
    assert counted == {
        "request_windows": expected[tables.REQUEST_WINDOWS].height,
        "metric_windows": expected[tables.METRIC_WINDOWS].height,
        "scores": pl.concat(
            table_rows(o.value) for o in outputs if o.headers.get(TABLE) == tables.SCORES
        ).height,
        "service_edges": expected[tables.EDGES].height,
    }
