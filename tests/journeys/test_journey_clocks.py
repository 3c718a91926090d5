"""Clocks of different machines, aligned by what must be true of calls."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from test_journey_links import spans

from vigil.journeys.clocks import align_clocks
from vigil.journeys.links import link_spans


def calls(skew_ms: float, count: int = 40) -> pl.DataFrame:
    """Traces of `a` calling `b` in its middle, with `b`'s clock ahead by `skew_ms`."""
    rows = []
    for number in range(count):
        begin = 100.0 * number
        lead = 2 + number % 5
        rows.append((f"a{number}", None, begin, 20.0))
        rows.append((f"b{number}", f"a{number}", begin + lead + skew_ms, 10.0))
    frame = spans(rows)
    service = pl.col("span_id").str.slice(0, 1)
    return link_spans(frame.with_columns(service=service))


@settings(max_examples=30, deadline=None)
@given(st.floats(-5_000, 5_000))
def test_after_alignment_a_call_lies_inside_its_caller(skew_ms):
    """Whatever the skew, up to the microsecond of rounding."""
    aligned = align_clocks(calls(skew_ms))
    parents = aligned.select(parent_row="row", above="start_us", below="end_us")
    both = aligned.join(parents, on="parent_row")
    assert (both["start_us"] >= both["above"] - 1).all()
    assert (both["end_us"] <= both["below"] + 1).all()


def test_clocks_that_agree_are_left_alone():
    """Nothing is moved that may be right."""
    assert align_clocks(calls(0))["skew_us"].unique().to_list() == [0]


def test_a_skew_is_found_to_half_the_time_on_the_wire():
    """Ten milliseconds of each call are outside the callee."""
    moved = align_clocks(calls(1_000)).filter(pl.col("component") == "b")["skew_us"][0]
    assert abs(moved + 1_000_000) <= 5_000


def test_a_consumer_may_begin_after_its_producer_has_ended():
    """A message that waited in a queue is no sign of a wrong clock."""
    late = calls(500).with_columns(
        kind=pl.when(pl.col("component") == "b")
        .then(pl.lit("consumer"))
        .otherwise(pl.lit("producer"))
    )
    assert align_clocks(late)["skew_us"].unique().to_list() == [0]
