"""The time of each hop."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from test_journey_links import spans

from vigil.journeys.hops import with_self_time
from vigil.journeys.links import link_spans


def self_ms(rows: list[tuple[str, str | None, float, float]]) -> list[float]:
    """The self times, in the order of the rows."""
    return with_self_time(link_spans(spans(rows)))["self_ms"].to_list()


def test_self_time_is_what_no_child_covers():
    """Children one after the other are taken off."""
    assert self_ms([("a", None, 0, 10), ("b", "a", 1, 3), ("c", "a", 5, 4)]) == [3, 3, 4]


def test_children_that_overlap_count_once():
    """Parallel calls save time; they do not make the parent's negative."""
    assert self_ms([("a", None, 0, 10), ("b", "a", 1, 6), ("c", "a", 2, 6)])[0] == 3


def test_a_child_that_outlives_its_parent_counts_inside_it_only():
    """What goes on after the answer is not in the answer's time."""
    assert self_ms([("a", None, 0, 10), ("b", "a", 8, 50)])[0] == 8


def test_the_self_time_of_a_pure_call_is_network_and_queue():
    """A client span names whom it called; a server span does work of its own."""
    events = spans([("a", None, 0, 10), ("b", "a", 2, 5)])
    kinds = pl.Series("kind", ["client", "server"])
    hops = with_self_time(link_spans(events.with_columns(kinds)))
    assert hops["callee"].to_list() == ["b", None]
    server = with_self_time(link_spans(events.with_columns(kind=pl.lit("server"))))
    assert server["callee"].to_list() == [None, None]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8))
def test_self_times_equal_the_uncovered_milliseconds(children):
    """Counting each millisecond gives the same."""
    rows = [("a", None, 0.0, 40.0)]
    rows += [
        (f"c{n}", "a", float(begin), float(length)) for n, (begin, length) in enumerate(children)
    ]
    free = [ms for ms in range(40) if not any(b <= ms < b + d for b, d in children)]
    assert self_ms(rows)[0] == len(free)
