"""Tumbling windows: closing, silence, lateness, revisions, restart."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.windows.folds import MetricFold, RequestFold
from vigil.windows.tumbling import TumblingWindows, WindowSpec

START = datetime(2026, 1, 5, tzinfo=UTC)
SPEC = WindowSpec(window_s=10, out_of_order_s=5, lateness_s=60, silence_s=100)
RECORD = {
    "time": pl.Datetime("us", "UTC"),
    "key_id": pl.Int64,
    "trace_id": pl.String,
    "status": pl.Int32,
    "duration_ms": pl.Float64,
    "request_bytes": pl.Int64,
    "response_bytes": pl.Int64,
    "error": pl.String,
}


def requests(*seconds: float, key: int = 1, status: int = 200) -> pl.DataFrame:
    """Requests of one key; the duration is the second, so that each can be told apart."""
    rows = [
        (START + timedelta(seconds=s), key, f"trace-{s}", status, s + 1, 10, 20, None)
        for s in seconds
    ]
    return pl.DataFrame(rows, schema=RECORD, orient="row")


def counts(windows: pl.DataFrame) -> list[tuple[int, int, int]]:
    """(second of the window's start, requests, revision) of each window."""
    seconds = (pl.col("window_start") - START).dt.total_seconds()
    return windows.select(seconds, "requests", "revision").rows()


def test_a_window_closes_when_the_watermark_passes_its_end():
    """The watermark trails the newest event by 5 s."""
    windows = TumblingWindows(SPEC, RequestFold())
    windows.push(0, requests(1, 2, 14.9))
    assert counts(windows.emit()) == []
    windows.push(0, requests(15))
    assert counts(windows.emit()) == [(0, 2, 0)]
    assert counts(windows.emit()) == [], "nothing changed since"


def test_a_closed_window_says_how_the_requests_went():
    """Counts, errors (5xx or an error text), sums, quantiles, the worst traces first."""
    windows = TumblingWindows(SPEC, RequestFold())
    windows.push(0, pl.concat([requests(1, 2, 3, 4), requests(0, status=503)]))
    row = windows.emit(finish=True).row(0, named=True)
    assert (row["requests"], row["errors"], row["duration_ms_sum"]) == (5, 1, 15.0)
    assert row["duration_ms_max"] == 5.0
    assert 2.97 <= row["latency_ms_p50"] <= 3.03
    assert row["worst_traces"] == ["trace-0", "trace-4", "trace-3"]
    assert (row["request_bytes"], row["response_bytes"]) == (50, 100)


def test_a_late_event_within_the_allowed_lateness_revises_its_window():
    """Same key and window, the next revision."""
    windows = TumblingWindows(SPEC, RequestFold())
    windows.push(0, requests(1, 20))
    assert counts(windows.emit()) == [(0, 1, 0)]
    assert windows.push(0, requests(3)).is_empty()
    assert counts(windows.emit()) == [(0, 2, 1)]


def test_a_later_event_is_handed_back():
    """Once the watermark passed the window's end by the allowed lateness it changes nothing."""
    windows = TumblingWindows(SPEC, RequestFold())
    windows.push(0, requests(1, 75))
    windows.emit()
    late = windows.push(0, requests(2))
    assert late["trace_id"].to_list() == ["trace-2"]
    assert counts(windows.emit()) == []


def test_a_silent_key_keeps_reporting_no_traffic_for_a_while():
    """Zero requests is a measurement; after `silence_s` the key is taken for retired."""
    windows = TumblingWindows(SPEC, RequestFold())
    windows.push(0, requests(1))
    windows.push(0, requests(36, key=2))
    assert counts(windows.emit().filter(key_id=1)) == [(0, 1, 0), (10, 0, 0), (20, 0, 0)]
    windows.push(0, requests(300, key=2))
    assert windows.emit().filter(key_id=1)["window_start"].max() == START + timedelta(seconds=100)


def test_metric_points_keep_their_sum_and_range_and_fill_no_silence():
    """An absent metric is not zero."""
    rows = [(START + timedelta(seconds=s), 7, v) for s, v in ((1, 2.0), (2, 4.0), (60, 1.0))]
    schema = {"time": RECORD["time"], "series_id": pl.Int64, "value": pl.Float64}
    windows = TumblingWindows(SPEC, MetricFold())
    windows.push(0, pl.DataFrame(rows, schema=schema, orient="row"))
    found = windows.emit(finish=True)
    columns = ("points", "value_sum", "value_min", "value_max")
    assert found.select(columns).rows() == [(2, 6.0, 2.0, 4.0), (1, 1.0, 1.0, 1.0)]


arrivals = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 3)), min_size=1, max_size=40).map(
    lambda found: [requests(second, key=key) for second, key in found]
)


def final(emitted: list[pl.DataFrame]) -> list[tuple]:
    """The last revision of each window."""
    latest = pl.concat(emitted).sort("revision").unique(["key_id", "window_start"], keep="last")
    latest = latest.filter(pl.col("requests") > 0).sort("key_id", "window_start")
    return latest.drop("revision").rows()


def run(batches: list[pl.DataFrame], spec: WindowSpec, restarts: set[int] = frozenset()):
    """Emitted windows of each step, and the late events; restarts before the steps named."""
    windows, emitted, late = TumblingWindows(spec, RequestFold()), [], []
    for step, batch in enumerate(batches):
        if step in restarts:
            state = windows.state()
            windows = TumblingWindows(spec, RequestFold())
            windows.restore(state)
        late.append(windows.push(0, batch))
        emitted.append(windows.emit())
    emitted.append(windows.emit(finish=True))
    return emitted, late


@settings(deadline=None, max_examples=25)
@given(arrivals)
def test_the_stream_counts_what_a_batch_would(batches):
    """One event at a time or all at once: same windows, same late events."""
    streamed, late = run(batches, SPEC)
    whole, late_whole = run([pl.concat(batches)], SPEC)
    assert final(streamed) == final(whole)
    assert pl.concat(late).rows() == pl.concat(late_whole).rows()


@settings(deadline=None, max_examples=25)
@given(arrivals, st.randoms(use_true_random=False))
def test_the_order_within_the_lateness_is_irrelevant(batches, random):
    """With lateness covering the whole spread, any order gives the same windows."""
    spec = WindowSpec(window_s=10, out_of_order_s=5, lateness_s=400, silence_s=0)
    expected = final(run(batches, spec)[0])
    random.shuffle(batches)
    assert final(run(batches, spec)[0]) == expected


@settings(deadline=None, max_examples=25)
@given(arrivals, st.sets(st.integers(0, 40)))
def test_killed_and_resumed_equals_uninterrupted(batches, restarts):
    """The state holds everything: every emission is the same, revisions included."""
    emitted, late = run(batches, SPEC)
    resumed, late_resumed = run(batches, SPEC, restarts)
    assert [frame.rows() for frame in resumed] == [frame.rows() for frame in emitted]
    assert [frame.rows() for frame in late_resumed] == [frame.rows() for frame in late]


@settings(deadline=None, max_examples=25)
@given(arrivals)
def test_no_event_is_lost(batches):
    """Accepted events are all in windows, the others are all late."""
    emitted, late = run(batches, SPEC)
    counted = sum(row[2] for row in final(emitted))
    assert counted + pl.concat(late).height == len(batches)
