"""Traces of the stream are completed by a gap, within bounded memory, and nothing is lost aloud."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.events.schema import EVENTS
from vigil.journeys.minutes import JOURNEYS, journey_minutes
from vigil.journeys.sessions import SPANS, TraceSessions

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SCHEMA = pl.from_arrow(EVENTS.empty_table()).schema  # type: ignore[union-attr]


def us(at_s: float) -> int:
    """Epoch µs of a second after noon."""
    return round((NOON.timestamp() + at_s) * 1e6)


def span(trace: str, name: str, at_s: float, parent: str | None = None, **more) -> dict:
    """A span of 100 ms."""
    return {
        "time": NOON + timedelta(seconds=at_s), "trace_id": trace, "span_id": f"{trace}.{name}",
        "parent_span_id": parent and f"{trace}.{parent}", "service": name, "environment": "aws",
        "route": "/pay", "method": "POST", "status": 200, "duration_ms": 100.0, **more,
    }  # fmt: skip


def events(*spans: dict) -> pl.DataFrame:
    """A frame of the schema EVENTS."""
    return pl.DataFrame(list(spans), schema=SCHEMA)


def traces_in(spans: pl.DataFrame) -> dict[str, set[str]]:
    """Trace → its spans."""
    found = spans.group_by("trace_id").agg("span_id").rows()
    return {trace: set(names) for trace, names in found}


def many(count: int, at_s: float, every_s: float = 0.01) -> pl.DataFrame:
    """As many traces of two spans."""
    pairs = [
        (span(f"t{at_s}-{n}", "shop", at_s + n * every_s),
         span(f"t{at_s}-{n}", "pay", at_s + n * every_s, "shop"))
        for n in range(count)
    ]  # fmt: skip
    return events(*(one for pair in pairs for one in pair))


def test_a_trace_is_complete_when_nothing_has_come_for_the_gap():
    """Spans of one trace may come in any order, in several steps; requests without ids are none."""
    sessions = TraceSessions(gap_s=10)
    first = events(span("a", "pay", 1, "shop"), span("b", "shop", 25))
    assert sessions.advance([first], us(-40)).is_empty()
    second = events(span("a", "shop", 0), span("", "shop", 0) | {"trace_id": None})
    done = sessions.advance([second], us(30))
    assert traces_in(done) == {"a": {"a.pay", "a.shop"}}
    assert done.columns == [*SPANS, "weight"]
    assert traces_in(sessions.advance([], us(90))) == {"b": {"b.shop"}}
    assert sessions.spans_held == 0
    assert sessions.take_counts() == {"traces": 2, "traces_evicted": 0, "spans_late": 0}


def test_a_pause_within_a_trace_does_not_cut_it_while_it_goes_on():
    """A piece is not closed before the other: the trace is told of as a whole."""
    sessions = TraceSessions(gap_s=10)
    both = events(span("a", "shop", 0), span("a", "pay", 25, "shop"))
    assert sessions.advance([both], us(30)).is_empty()
    assert len(traces_in(sessions.advance([], us(90)))["a"]) == 2


def test_a_span_that_comes_after_its_trace_was_closed_is_counted_and_left_out():
    """It would be a broken trace of its own; a span of an open trace is never too late."""
    sessions = TraceSessions(gap_s=10)
    on_time = events(span("a", "shop", 0), span("b", "shop", 0), span("b", "pay", 29, "shop"))
    assert traces_in(sessions.advance([on_time], us(30))).keys() == {"a"}
    late = events(span("a", "pay", 1, "shop"), span("b", "bank", 2, "pay"))
    assert sessions.advance([late], us(31)).is_empty()
    assert sessions.take_counts()["spans_late"] == 1
    assert traces_in(sessions.advance([], us(90))) == {"b": {"b.shop", "b.pay", "b.bank"}}


def test_a_span_that_never_comes_leaves_a_broken_trace():
    """It is counted in its journey's minute, and not guessed at."""
    seen = events(span("a", "shop", 0), span("a", "bank", 0, "pay"), span("b", "shop", 1))
    minutes = journey_minutes(TraceSessions().advance([seen], us(0), finish=True))
    assert minutes["traces"].sum() == 2
    assert minutes["broken"].sum() == 1


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(12)), st.lists(st.integers(1, 11), max_size=4), st.booleans())
def test_order_steps_and_restarts_do_not_matter(order, cuts, restart):
    """What comes before its trace is closed gives the same traces."""
    spans = [span(f"t{n % 4}", f"s{n}", n / 10, f"s{n - 4}" if n > 3 else None) for n in range(12)]
    sessions, begin, done = TraceSessions(), 0, []
    for cut in sorted({*cuts, 12}):
        step = events(*(spans[number] for number in order[begin:cut]))
        done.append(sessions.advance([step[:1], step[1:]], us(begin)))
        if restart:
            reborn = TraceSessions()
            reborn.restore(*sessions.state())
            sessions = reborn
        begin = cut
    done.append(sessions.advance([], us(100)))
    assert traces_in(pl.concat(done)) == {
        f"t{n}": {f"t{n}.s{n + 4 * step}" for step in range(3)} for n in range(4)
    }


def test_memory_is_bounded_and_what_is_followed_stands_for_the_rest():
    """Under ten times what may be held: whole traces, as many as there were within a tenth."""
    sessions, minutes, held = TraceSessions(most_spans=2_000), [], []
    for at_s in range(0, 300, 10):
        minutes.append(journey_minutes(sessions.advance([many(1_000, at_s)], us(at_s))))
        held.append(sessions.spans_held)
    minutes.append(journey_minutes(sessions.advance([], us(400))))
    assert max(held) <= 2_000
    assert sessions.one_in > 1
    found = pl.concat(minutes)
    assert found["broken"].sum() == 0
    assert found["journey"].n_unique() == 1
    after = found.filter(pl.col("window_start") >= NOON + timedelta(minutes=1))["traces"].sum()
    assert after == pytest.approx(24_000, rel=0.2)
    assert sessions.take_counts()["traces_evicted"] > 0


def test_more_traces_are_followed_again_when_fewer_come():
    """None of those that began while it was not followed is told of as if it were whole."""
    sessions = TraceSessions(most_spans=2_000)
    sessions.advance([many(3_000, 0, every_s=0.001)], us(0))
    assert sessions.one_in == 4
    found = []
    for at_s in range(30, 600, 5):
        complete = sessions.advance([many(20, at_s)], us(at_s))
        found.append(journey_minutes(complete))
    assert sessions.one_in == 1
    assert set(complete["weight"]) <= {1.0}
    assert pl.concat(found)["broken"].sum() == 0


def test_a_backlog_of_hours_at_once_is_followed_as_if_it_had_come_in_time():
    """Nothing is held for longer than its traces are open, however large the step."""
    sessions = TraceSessions(most_spans=400)
    hours = many(3_000, 0, every_s=1)
    minutes = journey_minutes(sessions.advance([hours[::2], hours[1::2]], us(3_600)))
    assert minutes.height == 50
    assert set(minutes["traces"]) == {60.0}
    assert minutes["broken"].sum() == 0
    assert sessions.take_counts() == {"traces": 3_000, "traces_evicted": 0, "spans_late": 0}


def test_an_id_that_a_client_never_changes_is_no_trace():
    """It is given up before anything else is."""
    sessions = TraceSessions(most_spans=1_000)
    always = events(*(span("always", f"s{n}", 1) for n in range(900)))
    sessions.advance([many(100, 0), always], us(0))
    assert sessions.one_in == 1
    assert sessions.spans_held == 200
    assert sessions.take_counts()["traces_evicted"] == 1


def test_no_trace_gives_no_minute():
    """With all columns."""
    assert journey_minutes(TraceSessions().advance([], us(0))).schema == pl.Schema(JOURNEYS)
